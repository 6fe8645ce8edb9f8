"""A real proxy before a real server, which does to requests what proxies and networks do.

    with Proxy(server.url) as proxy:
        proxy.meet(reset_after, path="/chunks", times=1)

Each rule takes the requests that fit it, the first rule first; the others are passed on.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from wire.fault_server import CLOSE, RESET, STALL, FaultServer, Request, http

__all__ = [
    "Act",
    "Proxy",
    "also",
    "break_off_within",
    "cut_short",
    "html",
    "overtaken",
    "reset_after",
    "reset_before",
    "stall",
    "status",
    "twice",
]

Act = Callable[[Request, "Proxy"], bytes]
"""What a rule does at a proxy: gives the bytes to answer, or CLOSE, RESET, STALL."""

_PAGE = "<html><body>The proxy says so.</body></html>"
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_UPSTREAM_SECONDS = 60


@dataclass
class _Rule:
    act: Act
    method: str
    path: re.Pattern[str]
    times: int
    after: int


class Proxy:
    """Passes requests on to the server at ``upstream``; use as a context manager.

    Attributes:
        upstream: the server's address; it may be changed.
        requests: method and target of each request, in order.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: list[str] = []
        self._rules: list[_Rule] = []
        self._late: list[threading.Thread] = []
        self._idle = threading.Condition()
        self._busy = 0
        self._lock = threading.Lock()
        self._listener = FaultServer(self._answer)

    def __enter__(self) -> Proxy:
        self._listener.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.__exit__(*error)

    @property
    def url(self) -> str:
        return self._listener.url

    def meet(
        self,
        act: Act,
        *,
        method: str = "",
        path: str = "",
        times: int = 1_000_000,
        after: int = 0,
    ) -> None:
        """From now on do ``act`` to requests, the first ``after`` left alone, so many ``times``.

        Args:
            act: what is done.
            method: of the requests; any when empty.
            path: a pattern that is searched for in the target.
            times: how often.
            after: how many of them are passed on first.
        """
        with self._lock:
            self._rules.append(_Rule(act, method, re.compile(path), times, after))

    def behave(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules = []
            self.requests = []

    def forward_later(self, request: Request, seconds: float) -> None:
        """Pass a request on when it has been under way for so long; nobody hears the answer."""

        def arrive() -> None:
            time.sleep(seconds)  # not a wait for anything: it is the fault
            self.forward(request)

        self._late.append(threading.Thread(target=arrive, daemon=True))
        self._late[-1].start()

    def settle(self) -> None:
        """Wait until nothing is under way: what is being done, and the last late request."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._busy == 0, _UPSTREAM_SECONDS)
        while self._late:
            self._late.pop().join(_UPSTREAM_SECONDS)

    def forward(self, request: Request) -> bytes:
        """Pass a request on; CLOSE when the server gives no answer."""
        parts = urlsplit(self.upstream)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_UPSTREAM_SECONDS)
        try:
            headers = {k: v for k, v in request.headers.items() if k not in _HOP}
            headers["content-length"] = str(len(request.body))
            connection.request(request.method, request.target, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return CLOSE
        finally:
            connection.close()
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        lines += [f"{k}: {v}" for k, v in answer.getheaders() if k.lower() not in _HOP]
        lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def _answer(self, request: Request) -> bytes:
        with self._lock:
            self.requests.append(f"{request.method} {request.target}")
            act = self._act(request)
        with self._idle:
            self._busy += 1
        try:
            return act(request, self) if act else self.forward(request)
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _act(self, request: Request) -> Act | None:
        for rule in self._rules:
            if rule.method in {"", request.method} and rule.path.search(request.target):
                if rule.after > 0:
                    rule.after -= 1
                elif rule.times > 0:
                    rule.times -= 1
                    return rule.act
        return None


def reset_before(request: Request, proxy: Proxy) -> bytes:
    """The request never reaches the server."""
    return RESET


def reset_after(request: Request, proxy: Proxy) -> bytes:
    """The server acts, the answer is lost."""
    proxy.forward(request)
    return RESET


def stall(request: Request, proxy: Proxy) -> bytes:
    """No answer and no end."""
    return STALL


def cut_short(request: Request, proxy: Proxy) -> bytes:
    """Half of the answer, then the connection ends."""
    answer = proxy.forward(request)
    head, _, body = answer.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n" + body[: len(body) // 2]


def twice(request: Request, proxy: Proxy) -> bytes:
    """The request reaches the server twice; the second answer comes back."""
    proxy.forward(request)
    return proxy.forward(request)


def overtaken(seconds: float) -> Act:
    """The connection breaks off, and the request reaches the server after later ones did."""

    def act(request: Request, proxy: Proxy) -> bytes:
        proxy.forward_later(request, seconds)
        return RESET

    return act


def status(code: int, **headers: str) -> Act:
    """A page of the proxy's own with this status."""
    answer = http(code, _PAGE, kind="text/html", headers=headers)
    return lambda request, proxy: answer


def also(then: Callable[[], None]) -> Act:
    """Something else happens, then the request goes its way."""

    def act(request: Request, proxy: Proxy) -> bytes:
        then()
        return proxy.forward(request)

    return act


html = status(200)
"""A page instead of an answer, as a captive portal gives it."""


def break_off_within(then: Callable[[], None]) -> Act:
    """Half of the request reaches the server, then ``then`` happens and the connection ends."""

    def act(request: Request, proxy: Proxy) -> bytes:
        parts = urlsplit(proxy.upstream)
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as half:
            lines = [f"{request.method} {request.target} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in request.headers.items()]
            half.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
            half.sendall(request.body[: len(request.body) // 2])
            then()
        return RESET

    return act
