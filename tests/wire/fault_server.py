"""A server of real sockets that answers as told: any bytes, silence, or a broken connection."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CLOSE = b"\0close"
"""An answer: close the connection without a word."""
RESET = b"\0reset"
"""An answer: reset the connection (RST)."""
STALL = b"\0stall"
"""An answer: say nothing until the server is stopped."""


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[Request], bytes]


def http(
    status: int,
    body: bytes | str | object = b"",
    *,
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of an HTTP answer; a body that is no bytes or str is written as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class FaultServer:
    """Answers every request by ``answer(request)``; use as a context manager.

    Args:
        answer: gives the bytes to send, or CLOSE, RESET, STALL. Bytes whose Content-Length is
            more than what follows are sent and the connection is closed.
        tls: speak TLS with this context.
        pause: seconds of silence between such a short answer and the closing.
    """

    def __init__(
        self, answer: Answer, *, tls: ssl.SSLContext | None = None, pause: float = 0
    ) -> None:
        self._pause = pause
        self._answer = answer
        self._tls = tls
        self._stop = threading.Event()
        self._open: set[socket.socket] = set()
        self.requests: list[Request] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> FaultServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            plain = connection
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.discard(plain)
                self._open.add(connection)
            elif connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS hello to a plain server
                with connection:
                    connection.sendall(http(400))
                return
            with connection, connection.makefile("rb") as file:
                while self._one(connection, file):
                    pass
        self._open.discard(connection)

    def _one(self, connection, file) -> bool:  # type: ignore[no-untyped-def]
        line = file.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while (field := file.readline().decode("latin-1").strip()) != "":
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", "0")))
        request = Request(line[0], line[1], headers, body)
        self.requests.append(request)
        data = self._answer(request)
        if data == CLOSE:
            return False
        if data == RESET:
            option = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
            return False
        if data == STALL:
            self._stop.wait(30)
            return False
        connection.sendall(data)
        head, _, rest = data.partition(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length")),
            -1,
        )
        if length == len(rest):
            return True
        self._stop.wait(self._pause)
        return False
