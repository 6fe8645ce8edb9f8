"""A connection to one server: the one home of urllib3.

Owns limits of time, the pool of kept-alive connections, proxies, private certificate authorities,
and the API key's way into a request. Tries nothing twice (sync decides that), follows no
redirect, and sends the key to no address but its own. Must not know what a request means.
"""

from __future__ import annotations

import json as json_
import os
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import urllib3

from holdfast.errors import AuthError, RefusedError, UnreachableError, UsageError
from holdfast.settings.credentials import is_loopback
from holdfast.wire import paths
from holdfast.wire.failures import foreign_answer, other_service, unreachable
from holdfast.wire.headers import RETRY_AFTER
from holdfast.wire.messages import Viewer
from holdfast.wire.refusals import refusal

__all__ = ["Connection", "Pace", "Response", "proxy_for"]

_STREAM_BYTES = 1 << 18
_API_VERSION = 1


@dataclass(frozen=True)
class Response:
    """A successful answer.

    Args:
        url: the server's base address, for messages.
        status: 200 to 299.
        headers: by lower-case name.
        body: the whole body; empty for a streamed answer.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    _raw: urllib3.BaseHTTPResponse
    _limit: float

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            UnreachableError: there is no body.
            RefusedError: it is no JSON: then no Holdfast server answered.
        """
        if not self.body:
            raise UnreachableError(f"{self.url} gave an empty answer", "try again")
        try:
            return json_.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "")
            raise foreign_answer(self.url, self.status, kind, "") from error

    def stream(self) -> Iterator[bytes]:
        """The body of a streamed answer, piece by piece; UnreachableError when it breaks off."""
        try:
            yield from self._raw.stream(_STREAM_BYTES, decode_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.url, error, limit=self._limit) from error
        finally:
            self.close()

    def close(self) -> None:
        """Give up the rest of a streamed answer."""
        self._raw.close()
        self._raw.release_conn()


class Pace(Protocol):
    """How fast bodies go out: in pieces of ``piece`` bytes, before each of which `wait` returns."""

    piece: int

    def wait(self, size: int) -> None:
        """Returns when a piece of so many bytes may go out."""
        ...


class Connection:
    """Requests to one server, from several threads if wanted.

    Args:
        base_url: ``http[s]://host[:port][/prefix]``.
        key: the API key, or empty for none.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next byte of an answer.
        pool: how many connections are kept for the next request.
        pace: how fast bodies may go out; None for as fast as they can.

    Raises:
        UsageError: the address or the key cannot be one.
        RefusedError: the address is W&B's own service.

    Example:
        >>> connection = Connection("http://127.0.0.1:8080", "local-key")
        >>> connection.request("GET", "/healthz").status  # doctest: +SKIP
        200
    """

    def __init__(
        self,
        base_url: str,
        key: str = "",
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        pool: int = 8,
        pace: Pace | None = None,
    ) -> None:
        self.base_url = _check_address(base_url)
        self._limit = read_timeout
        self._pace = pace
        self._headers = {"User-Agent": "holdfast", "Accept": "application/json, */*"}
        if key:
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise UsageError("the API key has characters that no key has", "copy it again")
            self._headers["Authorization"] = f"Bearer {key}"
        timeout = urllib3.Timeout(connect=connect_timeout, read=read_timeout)
        self._pool = _make_pool(self.base_url, timeout, pool)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        json: object = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> Response:
        """Send one request and return its answer when that is 2xx.

        Args:
            method: ``GET``, ``POST``, ``PUT``.
            path: below the base address, percent-encoded, with its query.
            body: bytes to send.
            json: what to send as JSON instead of ``body``.
            headers: further headers.
            stream: leave the body unread, for `Response.stream`.

        Raises:
            UnreachableError: no whole answer within the limits.
            AuthError: 401 or 403.
            RefusedError: any other refusal, or an answer that no Holdfast server gives; after
                429 or 503 its detail has ``retry_after`` (text of the header) if it was given.
        """
        sent = {**self._headers, **(headers or {})}
        if json is not None:
            body = json_.dumps(json, allow_nan=False, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        elif body or method in {"POST", "PUT"}:
            sent.setdefault("Content-Type", "application/octet-stream")
        if body and self._pace is not None:
            sent["Content-Length"] = str(len(body))
        try:
            raw = self._pool.urlopen(
                method,
                f"{self.base_url}{path}",
                body=body if not body or self._pace is None else _paced(body, self._pace),
                headers=sent,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            ok = 200 <= raw.status < 300
            data = b"" if stream and ok else raw.data
            if not (stream and ok):
                raw.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise unreachable(self.base_url, error, limit=self._limit) from error
        answer = Response(
            url=self.base_url,
            status=raw.status,
            headers={name.lower(): value for name, value in raw.headers.items()},
            body=data,
            _raw=raw,
            _limit=self._limit,
        )
        if not ok:
            raise _refused(answer)
        return answer

    def viewer(self) -> Viewer:
        """Who this connection's key is, at a server that is proven to be Holdfast's.

        Raises:
            RefusedError: it is another kind of server, or speaks another version.
        """
        answer = self.request("GET", paths.VIEWER)
        said = answer.json()
        if not isinstance(said, dict) or said.get("server") != "holdfast":
            raise foreign_answer(self.base_url, answer.status, "", "")
        viewer = Viewer.from_json(said)
        if viewer.api != _API_VERSION:
            raise RefusedError(
                f"{self.base_url} speaks version {viewer.api} of the interface, this program 1",
                "install the holdfast version of the server",
            )
        return viewer

    def close(self) -> None:
        """Close the kept connections."""
        self._pool.clear()


def _paced(body: bytes, pace: Pace) -> Iterator[bytes]:
    for start in range(0, len(body), pace.piece):
        piece = body[start : start + pace.piece]
        pace.wait(len(piece))
        yield piece


def _refused(answer: Response) -> Exception:
    try:
        body = json_.loads(answer.body)
    except (ValueError, RecursionError):
        body = None  # not a Holdfast error body: told apart below
    error: Exception | None = refusal(answer.status, body)
    if error is None:
        kind = answer.headers.get("content-type", "")
        location = answer.headers.get("location", "")
        error = foreign_answer(answer.url, answer.status, kind, location)
    elif isinstance(error, AuthError) and not error.do:
        error = AuthError(f"{error.what} (at {answer.url})", "run `holdfast login`")
    after = answer.headers.get(RETRY_AFTER.lower())
    if isinstance(error, RefusedError) and after:
        error.detail["retry_after"] = after
    return error


def _check_address(base_url: str) -> str:
    """The address without a slash at its end, once it is sure that it can be one."""
    try:
        parts = urlsplit(base_url.strip())
        _ = parts.port  # raises ValueError when it is no number
    except ValueError as error:
        raise UsageError(f"{base_url!r} is not an address", "write http://host:port") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{base_url!r} is not an address", "write http://host:port")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError(
            f"the address of {parts.hostname} holds more than host, port and path",
            "write http://host:port; the key is given by `holdfast login`",
        )
    other = other_service(base_url)
    if other is not None:
        raise other
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _make_pool(url: str, timeout: urllib3.Timeout, size: int) -> urllib3.PoolManager:
    options: dict[str, Any] = {"timeout": timeout, "maxsize": size, "block": False}
    proxy = proxy_for(url)
    if url.startswith("https:") or (proxy or "").startswith("https:"):
        options["ssl_context"] = _trust()
    if not proxy:
        return urllib3.PoolManager(**options)
    parts = urlsplit(proxy)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(
            f"the proxy for {url} is not an http:// or https:// address",
            "correct HTTP_PROXY or HTTPS_PROXY, or name the server in NO_PROXY",
        )
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        options["proxy_headers"] = urllib3.make_headers(proxy_basic_auth=login)
    if parts.scheme == "https":
        options["proxy_ssl_context"] = options["ssl_context"]
    return urllib3.ProxyManager(proxy, **options)


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (or the system) names for this address; none for loopback."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(url) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _trust() -> ssl.SSLContext:
    """The certificate authorities of this machine, or those that the environment names."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if not named:
        return ssl.create_default_context()
    try:
        if os.path.isdir(named):
            return ssl.create_default_context(capath=named)
        return ssl.create_default_context(cafile=named)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"no certificates can be read from {named} (SSL_CERT_FILE or REQUESTS_CA_BUNDLE)",
            "name a file of certificates in PEM form",
        ) from error
