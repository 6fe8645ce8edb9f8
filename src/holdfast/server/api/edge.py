"""The outermost layer: which Host is answered, the security headers, and the count of requests.

Owns what holds for every request and answer. Must not know routes or bodies.
"""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.server.api.answers import refuse
from holdfast.server.api.metrics import Metrics
from holdfast.server.settings import is_loopback

__all__ = ["PAGE_POLICY", "SANDBOX_POLICY", "Edge"]

PAGE_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

SANDBOX_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
)
"""For stored files: whatever they hold, nothing of it runs in our origin."""

_MAX_HEADER_BYTES = 64 * 1024
_MAX_PATH_BYTES = 16 * 1024


class Edge:
    """ASGI middleware around everything else.

    Args:
        app: what is inside.
        metrics: counts each request by route and status, and its time.
        loopback_only: the server listens on loopback: a Host header that is not loopback comes
            from a page that made its name point here (DNS rebinding) and is refused.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, *, loopback_only: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message)
            await send(message)

        try:
            complaint = self._complaint(scope)
            if complaint:
                await refuse("bad_request", *complaint)(scope, receive, send_on)
            else:
                await self._app(scope, receive, send_on)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - started
            self._metrics.saw(scope["method"], route, status, seconds)

    def _complaint(self, scope: Scope) -> tuple[str, str] | None:
        headers = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > _MAX_HEADER_BYTES:
            return f"headers of more than {_MAX_HEADER_BYTES} bytes", "send fewer or shorter ones"
        if len(scope.get("raw_path", b"")) > _MAX_PATH_BYTES:
            return f"a path of more than {_MAX_PATH_BYTES} bytes", "use shorter names"
        if b"\0" in scope["path"].encode("utf-8", "surrogateescape"):
            return "the path has a NUL", "leave it out"
        host = next((value for name, value in headers if name == b"host"), b"").decode("latin-1")
        if self._loopback_only and not _is_loopback(host):
            return (
                f"this server answers on loopback only, not as {host[:100]!r}",
                "open it as http://127.0.0.1 or http://localhost, or listen with --host",
            )
        return None


@lru_cache(maxsize=16)
def _is_loopback(host: str) -> bool:
    """Whether a Host header names this machine."""
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


_HEADERS = (
    (b"content-security-policy", PAGE_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def _add_headers(message: Message) -> None:
    """Give an answer those headers that it does not say itself; names are in small letters here."""
    said = list(message["headers"])
    there = {name for name, _ in said}
    message["headers"] = [*said, *(one for one in _HEADERS if one[0] not in there)]
