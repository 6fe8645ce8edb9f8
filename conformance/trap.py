"""A proxy that lets nothing through and notes who asked: how a client is seen to leave the machine.

Every client process gets it as its proxy for all addresses but this machine's, so a request to
anywhere else arrives here, is noted and ends.
"""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType

__all__ = ["Trap"]


class Trap:
    """Listens while its context is open; ``seen`` has the first line of every request."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        seen = self.seen

        class Handler(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self) -> None:
                """Note the request line and hang up."""
                seen.append(self.rfile.readline(2000).decode("latin-1").strip())

        return Handler

    def __enter__(self) -> Trap:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
