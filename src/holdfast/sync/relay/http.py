"""The write side of the HTTP interface in front of any transport: what a relay listens with.

Owns the way from a request to a call and from what it raises to an answer, the check of the key,
and the limits of a request. Must not know what is done with it. One connection carries one request
and has one thread; there are never more than a bounded number.
"""

from __future__ import annotations

import hmac
import json
import platform
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from holdfast.errors import (
    AuthError,
    HoldfastError,
    RefusedError,
    StorageError,
    UnconfirmedError,
    UsageError,
)
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.sync.transport import Transport
from holdfast.wire import (
    ERRORS,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    check_digest,
    error_body,
    headers,
    parse_json,
    parse_pack,
    paths,
    plain_chunk,
    too_large,
)

__all__ = ["Listener"]

_THREADS = 64
_BACKLOG = 512
_HEAD_SECONDS = 10.0
_READ_SECONDS = 60.0
_JSON_BYTES = 16 << 20
_LONGEST_NUMBER = 18
_READ_BYTES = 1 << 16
_RETRY_SECONDS = "30"
_EVERYWHERE = {"", "0.0.0.0", "::"}


class Listener:
    """A server for the write side: it listens from the beginning, and answers once started.

    Args:
        host: the address to listen on.
        port: 0 for a free one.

    Attributes:
        url: its address, as others would write it.

    Raises:
        UsageError: it cannot listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = _make_server(host, port)
        name = platform.node() if host in _EVERYWHERE else host
        name = f"[{name}]" if ":" in name else name
        self.url = f"http://{name}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="relay", daemon=True
        )

    def start(self, transport: Transport, key: str) -> None:
        """Take requests, in threads of its own.

        Args:
            transport: what is called; from several threads.
            key: the only key that is let in.
        """
        self._server.service = _Service(transport, key)
        self._thread.start()

    def close(self) -> None:
        """Take no more; requests under way are left to end by themselves or with the process."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Request(NamedTuple):
    """A request whose key is good; the body is read when it is asked for."""

    names: dict[str, str]
    query: dict[str, str]
    headers: Any
    read: Callable[[int], bytes]

    @property
    def run(self) -> RunPath:
        names = self.names
        return RunPath(
            check_entity(names["entity"]),
            check_project(names["project"]),
            check_run_id(names["run_id"]),
        )

    @property
    def journal(self) -> JournalPath:
        return JournalPath(self.run, paths.check_journal_id(self.names["journal"]))

    @property
    def entity(self) -> str:
        return check_entity(self.names["entity"])

    @property
    def digest(self) -> str:
        return check_digest(self.names["digest"])

    def number(self, name: str) -> int:
        text = self.query.get(name, "")
        if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
            raise _malformed(f"parameter {name} is not a whole number, 0 or more")
        return int(text)

    def json(self) -> Any:
        return parse_json(self.read(_JSON_BYTES))


class _Service:
    """One method a route."""

    def __init__(self, transport: Transport, key: str) -> None:
        self._transport = transport
        self._key = key.encode()

    def is_let_in(self, authorization: str) -> bool:
        return hmac.compare_digest(headers.key_in(authorization).encode(), self._key)

    def viewer(self, _request: _Request) -> object:
        return self._transport.viewer().to_json()

    def position(self, request: _Request) -> object:
        return {"position": self._transport.position(request.journal)}

    def chunk(self, request: _Request) -> object:
        of, start = request.journal, request.number("start")
        writer = headers.check_writer(request.headers.get(headers.WRITER, "unknown"))
        limit = self._transport.viewer().chunk_bytes
        given = request.headers
        encoding, digest = given.get(headers.ENCODING, ""), given.get(headers.DIGEST)
        data = plain_chunk(request.read(limit), encoding, digest, limit)
        return self._transport.send_chunk(of, start, data, writer).to_json()

    def files(self, request: _Request) -> object:
        of = request.journal
        said, blobs = parse_pack(request.read(self._transport.viewer().part_bytes))
        return {"missing": self._transport.name_files(of, FileEntry.list_from_json(said), blobs)}

    def receipt(self, request: _Request) -> object:
        of = request.journal
        return self._transport.receipt(of, Claim.from_json(request.json())).to_json()

    def edit(self, request: _Request) -> object:
        self._transport.edit(request.run, Edit.from_json(request.json()))
        return {}

    def readmit(self, request: _Request) -> object:
        self._transport.readmit(request.run)
        return {"deleted": False}

    def lapsed(self, request: _Request) -> object:
        return {"lapsed": self._transport.lapsed(Given.list_from_json(request.json()))}

    def upload_state(self, request: _Request) -> object:
        return self._transport.upload_state(request.entity, request.digest).to_json()

    def part(self, request: _Request) -> object:
        entity, digest = request.entity, request.digest
        offset, size = request.number("offset"), request.number("size")
        data = request.read(self._transport.viewer().part_bytes)
        return self._transport.send_part(entity, digest, offset, size, data).to_json()


_Act = Callable[[_Service, _Request], object]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))


_ROUTES: tuple[tuple[re.Pattern[str], dict[str, _Act]], ...] = (
    (_pattern(paths.VIEWER), {"GET": _Service.viewer}),
    (_pattern(paths.JOURNAL), {"GET": _Service.position}),
    (_pattern(paths.CHUNKS), {"POST": _Service.chunk}),
    (_pattern(paths.JOURNAL_FILES), {"POST": _Service.files}),
    (_pattern(paths.RECEIPT), {"POST": _Service.receipt}),
    (_pattern(paths.EDIT), {"POST": _Service.edit}),
    (_pattern(paths.READMIT), {"POST": _Service.readmit}),
    (_pattern(paths.RECEIPTS), {"POST": _Service.lapsed}),
    (_pattern(paths.BLOB), {"GET": _Service.upload_state, "PUT": _Service.part}),
)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _BACKLOG
    service: _Service

    def __init__(self, *arguments: Any) -> None:
        self._room = threading.BoundedSemaphore(_THREADS)
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._room.acquire()  # further connections wait in the backlog
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A sender that goes away in the middle tries again: no news for whoever runs the relay.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _make_server(host: str, port: int) -> _Server:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = type("_ServerOfFamily", (_Server,), {"address_family": family})
    try:
        server: _Server = kind((host, port), _Handler)
        return server
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or error
        raise UsageError(
            f"cannot listen at {host}:{port} ({said})", "give another --host or --port"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "holdfast-relay"
    sys_version = ""
    timeout = _HEAD_SECONDS  # for whoever has not shown the key
    server: _Server
    _left = 0

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def log_message(self, *_: Any) -> None:
        """Requests are not news; what goes wrong is told to the sender."""

    def _handle(self) -> None:
        self.close_connection = True
        try:
            body, status = self._act(), 200
        except HoldfastError as error:
            status, body = _answer_to(error)
        except OSError:
            raise  # the sender is gone
        except Exception:  # noqa: BLE001 - a defect of ours: told here and there, the relay goes on
            traceback.print_exc()
            status, body = 500, error_body("internal", "a defect of the relay", "look at its log")
        self._send(status, body)

    def _act(self) -> object:
        self._left = self._length()
        service = self.server.service
        if not service.is_let_in(self.headers.get("Authorization", "")):
            raise AuthError("the relay does not take this key", "use the key that it was given")
        self.connection.settimeout(_READ_SECONDS)
        parts = urlsplit(self.path)
        for pattern, methods in _ROUTES:
            found = pattern.fullmatch(parts.path)
            if found is None:
                continue
            act = methods.get(self.command)
            if act is None:
                raise _refused("method_not_allowed", f"{self.command} is not taken here")
            try:
                names = {k: unquote(v, errors="strict") for k, v in found.groupdict().items()}
                query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
            except ValueError as error:
                raise _malformed("the address is not UTF-8") from error
            return act(service, _Request(names, query, self.headers, self._read))
        raise _refused("not_found", "a relay takes runs and shows none: no such route")

    def _length(self) -> int:
        if self.headers.get("Transfer-Encoding"):
            raise _malformed("a body needs a Content-Length")
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > _LONGEST_NUMBER:
            raise _malformed("the Content-Length is not a number")
        return int(text)

    def _read(self, limit: int) -> bytes:
        if self._left > limit:
            raise too_large(limit)
        size, self._left = self._left, 0
        data = self.rfile.read(size)
        if len(data) != size:
            raise ConnectionError("the sender left in the middle of the body")
        return data

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body, allow_nan=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        if status == 503:
            self.send_header(headers.RETRY_AFTER, _RETRY_SECONDS)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()
        # A body that nobody read would make the system throw the answer away when it closes.
        left = min(self._left, _JSON_BYTES)
        while left > 0 and (rest := self.rfile.read(min(left, _READ_BYTES))):
            left -= len(rest)


def _answer_to(error: HoldfastError) -> tuple[int, object]:
    code, detail = "internal", {}
    if isinstance(error, RefusedError):
        code = error.code if error.code in ERRORS else "unavailable"
        detail = {k: v for k, v in error.detail.items() if k != "retry_after"}
    elif isinstance(error, UsageError):
        code = "bad_request"
    elif isinstance(error, AuthError):
        code = "unauthorized"
    elif isinstance(error, UnconfirmedError):
        code = "held_by_relay"
    elif isinstance(error, StorageError):
        code = "storage_full"
    return ERRORS[code].status, error_body(code, error.what, error.do, **detail)


def _malformed(what: str) -> RefusedError:
    return _refused("bad_request", what, "see docs/formats/http.md")


def _refused(code: str, what: str, do: str = "send it again") -> RefusedError:
    return RefusedError(what, do, status=ERRORS[code].status, code=code)
