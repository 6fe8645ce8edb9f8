"""`holdfast relay`: take runs from compute nodes on a login node, and forward them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from holdfast.cli.following import noter, stopped_by_signals, teller
from holdfast.cli.keys import find_key
from holdfast.cli.progress import Progress
from holdfast.errors import AuthError, HoldfastError
from holdfast.rundir import RunDir
from holdfast.settings import load
from holdfast.settings.load import state_folder
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.outage import is_of_server
from holdfast.sync.relay.http import Listener
from holdfast.sync.relay.service import Relay
from holdfast.sync.relay.spool import Spool
from holdfast.sync.standing import Note
from holdfast.sync.watch import Terms, Watcher
from holdfast.wire import Viewer
from holdfast.wire.http import Connection

__all__ = ["add", "run"]

_JOBS = 16
_CONNECTIONS = 32


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "relay",
        help="take runs from nodes that do not reach the server, and forward them",
        description="Take runs from machines that reach this one and not the server, keep them, "
        "and forward them. What it takes is on its disk; that it is at the server, only the server "
        "says. Ends at Ctrl-C or SIGTERM; started again, it goes on where it was.",
    )
    option = parser.add_argument
    option(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s, this machine only)",
    )
    option("--port", type=int, default=8081, help="port, 0 for a free one (default: %(default)s)")
    option(
        "--spool",
        type=Path,
        metavar="DIR",
        help="where runs lie (default: relay/ in the folder of setting state_dir)",
    )
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")


def run(args: argparse.Namespace) -> int:
    """Relay until told to stop."""
    settings = load({"base_url": args.base_url})
    key, _ = find_key(settings.base_url)
    connection = Connection(
        settings.base_url, key, read_timeout=settings.http_timeout, pool=_CONNECTIONS
    )
    state = Path(state_folder(settings))
    folder = Path(os.path.abspath(args.spool or state / "relay"))
    spool = Spool(folder)
    viewer = _meet(connection, spool, key)
    listener = Listener(args.host, args.port)
    note = Note(state, connection.base_url, [folder])
    with Progress(sys.stdout, quiet=True) as progress:
        watcher = _watcher(connection, spool, note, progress)
        relay = Relay(
            spool,
            HttpTransport(connection),
            viewer,
            server_url=connection.base_url,
            address=listener.url,
            trouble=lambda run_dir: _trouble(watcher, run_dir),
        )
        listener.start(relay, key)
        progress.say(f"relay at {listener.url}, sending to {connection.base_url}, spool {folder}")
        try:
            with stopped_by_signals(watcher):
                watcher.run()
        finally:
            relay.stop()
            listener.close()
            spool.close()
        note.remove()
        progress.say("stopped; start it again to go on")
    return 0


def _watcher(connection: Connection, spool: Spool, note: Note, progress: Progress) -> Watcher:
    terms = Terms(
        HttpTransport(connection),
        connection.base_url,
        progress,
        teller(progress),
        wishes=spool.wishes,
        writer=spool.writer,
        jobs=_JOBS,
    )
    return Watcher([spool], terms, note=noter(note, progress))


def _meet(connection: Connection, spool: Spool, key: str) -> Viewer:
    """Who the key is: the server says, or said so before when it is away now."""
    try:
        said = connection.viewer()
    except HoldfastError as error:
        if not is_of_server(error) or isinstance(error, AuthError):
            raise
        viewer = spool.admit(connection.base_url, key, None)
        if viewer is None:
            raise
        return viewer
    spool.admit(connection.base_url, key, said)
    return said


def _trouble(watcher: Watcher, run_dir: RunDir) -> HoldfastError | None:
    """Why a run is not forwarded just now."""
    run = watcher.runs.get(run_dir)
    troubles = [] if run is None else list(run.troubles.values())
    return troubles[0].error if troubles else watcher.outage.error
