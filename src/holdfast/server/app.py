"""A running server: rooms put together, listening, background work, a clean stop.

Owns the life of the process: the data folder and its lock, the first user, when segments are
made. Must not know what a request or an answer is.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import secrets
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

import holdfast.records.schema  # noqa: F401  made now, and not while the first sender waits
from holdfast.errors import HoldfastError, StorageError, UsageError
from holdfast.server.api import Authority, Metrics, Parts, make_api
from holdfast.server.blobstore import LocalBlobStore
from holdfast.server.gateway import Gateway
from holdfast.server.ingest import Ingest
from holdfast.server.metastore import MetaStore
from holdfast.server.metastore.known import KnownUsers
from holdfast.server.metastore.users import Users
from holdfast.server.query import Queries
from holdfast.server.settings import LOCAL_USER, ServerSettings

if sys.platform != "win32":
    import fcntl

__all__ = ["WEB", "Started", "open_users", "serve", "write_ready_file"]

WEB = Path(__file__).with_name("_web")

_STOP_SECONDS = 5
_COLLECT_AFTER = 20_000
"""How many objects more than before there have to be for the collector to look at them."""
_FLUSH_BATCH = 50
_SWEEP_EVERY = 1800
"""Rounds of flushing between two sweeps: an hour at the default pace."""


@dataclass(frozen=True)
class Started:
    """What there is to tell once the server listens.

    Args:
        url: where it listens.
        login_url: a link that signs a browser in, once.
        data: the data folder.
        users: who may sign in.
    """

    url: str
    login_url: str
    data: Path
    users: Users


@contextlib.contextmanager
def open_users(data: Path) -> Iterator[Users]:
    """The users of a data folder; a server may be running on it meanwhile.

    Raises:
        StorageError: the folder cannot be used.
    """
    _make_folder(data)
    store = MetaStore(ServerSettings(data=data).database_url)
    try:
        yield Users(store)
    finally:
        store.close()


def serve(settings: ServerSettings, started: Callable[[Started], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of this server.
        started: called once the socket listens.

    Raises:
        UsageError: the address is taken, or others could reach a server that has no accounts.
        StorageError: the data folder cannot be used, or another server uses it.
    """
    _make_folder(settings.data)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_server_on(settings.data))
        store = MetaStore(settings.database_url)
        stack.callback(store.close)
        users = Users(store)
        _make_first_user(users, settings)
        listener = stack.enter_context(_listen(settings))
        parts, gateway = _rooms(settings, store, users)
        server = uvicorn.Server(
            uvicorn.Config(
                make_api(parts, gateway.routes),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        stack.enter_context(_stopped_by_signals(server))
        stack.enter_context(_background(parts.ingest, settings.flush_seconds))
        url = _url(settings.host, listener.getsockname()[1])
        owner = LOCAL_USER if users.find(LOCAL_USER) else users.list()[0].name
        login_url = f"{url}/login?token={parts.authority.new_link(owner)}"
        _spare_the_collector()
        started(Started(url, login_url, settings.data, users))
        server.run(sockets=[listener])


def _spare_the_collector() -> None:
    """Have the garbage collector pass over what is here to stay.

    Rows of a request are many objects and no cycles: by default they make it look through all
    that was imported, a tenth of a second at a time, while every request waits.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


def _rooms(settings: ServerSettings, store: MetaStore, users: Users) -> tuple[Parts, Gateway]:
    blobs = LocalBlobStore(settings.data)
    ingest = Ingest(store, blobs)
    queries = Queries(store, blobs)
    known = KnownUsers(users)
    secret = _secret(settings.data)

    def check() -> None:
        queries.totals()
        probe = settings.data / "blobs" / f".probe-{os.getpid()}"
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise StorageError(f"the blob folder cannot be written: {error.strerror}") from error

    parts = Parts(
        settings=settings,
        authority=Authority(known, secret),
        ingest=ingest,
        queries=queries,
        metrics=Metrics(queries.totals, settings.data),
        check=check,
        web=WEB,
    )
    return parts, Gateway(known, ingest, queries, settings.limits, secret)


def _make_first_user(users: Users, settings: ServerSettings) -> None:
    """Make the user of this machine at the first start; refuse strangers without accounts."""
    names = [entry.name for entry in users.list()]
    if not settings.on_loopback and set(names) <= {LOCAL_USER}:
        raise UsageError(
            f"others could reach {settings.host}, and no accounts are set up",
            f"run: holdfast users add NAME --data {settings.data}",
        )
    if not names:
        users.add(LOCAL_USER)


def _listen(settings: ServerSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    if os.name == "posix":  # elsewhere it would let two servers share the port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}",
            "choose another with --port, or --port 0 for a free one",
        ) from error
    listener.listen(2048)
    return listener


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown and shown[0] != '[' else shown}:{port}"


@contextlib.contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Make SIGTERM and SIGINT a clean stop, from now until the block ends.

    uvicorn handles them while it runs, then raises them again for whoever stood there before:
    that must not end the process in the middle of our own cleaning up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _background(ingest: Ingest, seconds: float) -> Iterator[None]:
    """Make segments and sweep, on a thread of its own, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        rounds = 0
        while not stop.wait(seconds):
            try:
                while ingest.flush(_FLUSH_BATCH) == _FLUSH_BATCH and not stop.is_set():
                    pass
                while ingest.pack() and not stop.is_set():
                    pass
                if rounds % _SWEEP_EVERY == 0:
                    ingest.sweep()
            except HoldfastError as error:
                # Nothing is lost: tails stay where they are until the next round.
                print(f"holdfast: background work: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the server's log
            except Exception:  # noqa: BLE001 - a defect met once must not end upkeep for good
                traceback.print_exc()
            rounds += 1

    thread = threading.Thread(target=work, name="holdfast-upkeep", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_STOP_SECONDS)


@contextlib.contextmanager
def _only_server_on(data: Path) -> Iterator[None]:
    """Hold the data folder; the kernel lets go of it however this process ends."""
    with (data / "server.lock").open("a+") as file:
        if sys.platform != "win32":
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise StorageError(
                    f"a server already runs on {data} ({holder})",
                    "use that one, stop it, or give another folder with --data",
                ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"cannot make the data folder {data}: {error.strerror}", "choose one with --data"
        ) from error


def _secret(data: Path) -> bytes:
    """What signs session cookies and URLs of files; made at the first start, its owner's alone."""
    path = data / "secret"
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(fd, "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def write_ready_file(path: Path, told: Started) -> None:
    """Say where the server listens, as JSON, in one step: who sees the file sees all of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)  # the link in it signs in
    with os.fdopen(fd, "w") as file:
        json.dump({"url": told.url, "login_url": told.login_url}, file)
    os.replace(fresh, path)
