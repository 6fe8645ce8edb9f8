"""The way to the server: name, connection, proxy, trust, what it answers, how fast it is.

Asks who the key is and sends one body that no server keeps. Tries nothing twice. Must not know
runs, nor how anything is sent in earnest.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from holdfast.errors import AuthError, HoldfastError, RefusedError, UnreachableError
from holdfast.sync.doctor.finding import Finding, Severity, of_error
from holdfast.wire import Viewer, digest_of, paths
from holdfast.wire.failures import UntrustedError
from holdfast.wire.http import Connection, Response, proxy_for

__all__ = ["Way", "look_at_limits", "look_at_network", "look_at_speed"]

_SUBJECT = "network"
_CONNECT_SECONDS = 5.0
_SLOW_ANSWER = 2.0
_SKEW_SECONDS = 60.0
_FIRST_BYTES = 256 << 10
_PART_BYTES = 8 << 20  # the longest body that sync sends
_QUICK = 10.0  # seconds that the longer body may be expected to take
_LONG_SECONDS = 3600.0


@dataclass
class Way:
    """A way that works: the connection, and who the server says that the key is."""

    connection: Connection
    viewer: Viewer


def look_at_network(base_url: str, key: str, timeout: float) -> Iterator[Finding | Way]:
    """Findings from the name to the first answer; then the way, if it leads to the server."""
    try:
        connection = Connection(
            base_url, key, connect_timeout=_CONNECT_SECONDS, read_timeout=timeout
        )
        proxy = proxy_for(base_url)
    except HoldfastError as error:
        yield of_error(_SUBJECT, "the address or its surroundings are wrong", error)
        return
    if proxy:
        host = urlsplit(proxy).hostname
        yield Finding(_SUBJECT, "note", f"requests go through the proxy {host}", _NAMED_BY)
    target = urlsplit(proxy or base_url)
    finding = _reach(target.hostname or "", target.port or _PORTS[target.scheme], bool(proxy))
    yield finding
    if finding.severity != "error":
        yield from _ask(connection, key)


_PORTS = {"http": 80, "https": 443}
_NAMED_BY = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY decide"


def _reach(host: str, port: int, is_proxy: bool) -> Finding:
    """Name and connection, without a word of HTTP."""
    what = "proxy" if is_proxy else "server"
    begun = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Finding(
            _SUBJECT,
            "error",
            f"the name of the {what} has no address (DNS)",
            f"{host}: {error}",
            "check the name in the address; on a compute node, sync from the login node",
        )
    addresses = ", ".join(sorted({str(one[4][0]) for one in found}))
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except OSError as error:
        refused = isinstance(error, ConnectionRefusedError)
        cure = (
            "start it (`holdfast serve`), or check address and port"
            if refused
            else "check the network and the firewall; on a compute node, sync from the login node"
        )
        said = error.strerror or str(error) or type(error).__name__
        return Finding(
            _SUBJECT,
            "error",
            f"no connection to the {what} at {host}:{port}",
            f"{addresses}: {said}",
            cure,
        )
    took = f"connected in {(time.monotonic() - begun) * 1000:.0f} ms"
    return Finding(_SUBJECT, "ok", f"{host} is there", f"{addresses}, {took}")


def _ask(connection: Connection, key: str) -> Iterator[Finding | Way]:
    begun = time.monotonic()
    try:
        answer = connection.request("GET", paths.VIEWER)
        took = time.monotonic() - begun
        viewer = connection.viewer()
    except AuthError as error:
        what = "the server refuses the key" if key else "the server wants a key"
        yield of_error(_SUBJECT, what, error)
    except RefusedError as error:
        yield of_error(_SUBJECT, _refusal(error), error)
    except UntrustedError as error:
        yield of_error(_SUBJECT, "the server or a proxy cannot be trusted or passed", error)
    except UnreachableError as error:
        yield of_error(_SUBJECT, "no whole answer came", error)
    else:
        evidence = f"version {viewer.version}, the key is {viewer.user}'s, {took * 1000:.0f} ms"
        if viewer.relay_for:
            what = f"{connection.base_url} is a relay: it sends on to {viewer.relay_for}"
            yield Finding(_SUBJECT, "note", what, evidence)
        else:
            yield Finding(_SUBJECT, "ok", f"{connection.base_url} is a Holdfast server", evidence)
        if took > _SLOW_ANSWER:
            yield Finding(
                _SUBJECT,
                "warning",
                "the first byte of an answer takes long",
                f"{took:.1f} s",
                "raise HOLDFAST_HTTP_TIMEOUT if it gets longer; see what the server is doing",
            )
        yield from _clock(answer)
        yield Way(connection, viewer)


def _refusal(error: RefusedError) -> str:
    if error.status == 404 or 200 <= error.status < 300:
        return f"there is no Holdfast interface at this address ({error.status})"
    words = {
        413: "something on the way refuses bodies of this size (413)",
        429: "the server asks for fewer requests (429)",
        507: "the disk of the server is full (507)",
    }
    if error.status in words:
        return words[error.status]
    if error.status >= 500:
        return f"the server, or a proxy before it, is in trouble ({error.status})"
    return "the server says no" + (f" ({error.status})" if error.status else "")


def _clock(answer: Response) -> Iterator[Finding]:
    """Whether this clock and the server's agree; certificates and times of runs depend on it."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return  # a server that does not say
    skew = time.time() - theirs
    if abs(skew) > _SKEW_SECONDS:
        way = "ahead of" if skew > 0 else "behind"
        yield Finding(
            _SUBJECT,
            "warning",
            "this machine's clock and the server's differ",
            f"this one is {abs(skew):,.0f} s {way} the server's",
            "set the clock (NTP): certificates may seem invalid, and times of runs are wrong",
        )


def look_at_limits(viewer: Viewer, longest: int) -> Iterator[Finding]:
    """Whether the server takes the longest record; files of any length go in parts.

    Args:
        viewer: what the server said of its limits.
        longest: bytes of the longest record that is to be sent.
    """
    if longest > viewer.chunk_bytes:
        yield Finding(
            _SUBJECT,
            "error",
            "a record is longer than the server takes",
            f"{longest:,} bytes, the server's limit for chunks is {viewer.chunk_bytes:,}",
            "ask who runs the server to raise its limit for chunks",
        )


def look_at_speed(way: Way, pending: int) -> Iterator[Finding]:
    """How fast bytes go there, by a body that the server takes, checks and forgets.

    Args:
        way: to the server.
        pending: bytes that are to be sent.
    """
    size, took = _FIRST_BYTES, 0.0
    try:
        took = _send(way, size)
        if took < _QUICK * size / _PART_BYTES:
            size = min(_PART_BYTES, way.viewer.part_bytes)
            took = _send(way, size)
    except RefusedError as error:
        yield of_error(_SUBJECT, f"a body of {size >> 10:,} KiB: {_refusal(error)}", error)
        return
    except HoldfastError as error:
        yield of_error(_SUBJECT, f"a body of {size >> 10:,} KiB does not get through", error)
        return
    speed = size / max(took, 1e-3)
    evidence = f"{size >> 10:,} KiB in {took:.2f} s"
    needed = pending / speed
    what = f"{speed / 1e6:,.1f} MB/s to the server"
    if pending:
        what += f"; the {pending / 1e6:,.1f} MB that are pending need about {_duration(needed)}"
    severity: Severity = "note" if needed > _LONG_SECONDS else "ok"
    yield Finding(_SUBJECT, severity, what, evidence)


def _send(way: Way, size: int) -> float:
    """Seconds for so many bytes, which go under a digest that is not theirs and are forgotten."""
    data = os.urandom(size)
    path = paths.blob(way.viewer.entity, digest_of(os.urandom(32)))
    begun = time.monotonic()
    try:
        way.connection.request("PUT", f"{path}?offset=0&size={size}", body=data)
    except RefusedError as error:
        if error.code != "digest_mismatch":
            raise
    return time.monotonic() - begun


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
