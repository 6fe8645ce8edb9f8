"""Every failure of the way to a server is one line that names the address and what to do."""

from __future__ import annotations

import datetime
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from wire.fault_server import CLOSE, RESET, STALL, FaultServer, Request, http

from holdfast.errors import (
    AuthError,
    HoldfastError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
    UsageError,
)
from holdfast.wire import ERRORS, error_body
from holdfast.wire.failures import UntrustedError
from holdfast.wire.http import Connection

VIEWER = {
    "server": "holdfast",
    "version": "0.1",
    "api": 1,
    "user": "ann",
    "entity": "ann",
    "limits": {"chunk_bytes": 1000, "part_bytes": 1000},
    "disk": None,
    "relay_for": "",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def says(error: HoldfastError, *phrases: str) -> None:
    """One line, with something to do, and these phrases in it."""
    assert "\n" not in str(error)
    assert error.do
    for phrase in phrases:
        assert phrase in str(error), str(error)


def test_json_both_ways_and_the_key() -> None:
    with FaultServer(lambda r: http(200, {"got": r.body.decode()})) as server:
        connection = Connection(server.url + "/below/", "secret")
        assert connection.request("POST", "/a?b=1", json={"x": 1}).json() == {"got": '{"x":1}'}
        connection.request("PUT", "/c", body=b"bytes", headers={"Holdfast-Writer": "gone"})
        connection.close()
    first, second = server.requests
    assert (first.method, first.target) == ("POST", "/below/a?b=1")
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["content-type"] == "application/json"
    assert second.headers["holdfast-writer"] == "gone"
    assert second.body == b"bytes"


def test_connections_are_kept() -> None:
    ports = set()

    def answer(_: Request) -> bytes:
        return http(200, {})

    with FaultServer(answer) as server:
        real = server._serve
        server._serve = lambda c: (ports.add(c.getpeername()), real(c))  # type: ignore[assignment]
        connection = Connection(server.url)
        for _ in range(5):
            connection.request("POST", "/a", json={})
    assert len(ports) == 1


def test_stream() -> None:
    body = bytes(range(256)) * 5000
    with FaultServer(lambda _: http(200, body)) as server:
        connection = Connection(server.url)
        assert b"".join(connection.request("GET", "/a", stream=True).stream()) == body
        answer = connection.request("GET", "/a", stream=True)
        next(answer.stream())
        answer.close()


def test_stream_that_breaks_off() -> None:
    cut = http(200, bytes(1000))[:-1]
    with FaultServer(lambda _: cut) as server:
        answer = Connection(server.url).request("GET", "/a", stream=True)
        with pytest.raises(UnreachableError) as caught:
            list(answer.stream())
    says(caught.value, server.url)


@pytest.mark.parametrize("row", ERRORS.values(), ids=lambda row: row.code)
def test_every_refusal(row) -> None:  # type: ignore[no-untyped-def]
    body = error_body(row.code, "it says so", "do this", position=5)
    headers = {"Retry-After": "7"}
    with (
        FaultServer(lambda _: http(row.status, body, headers=headers)) as server,
        pytest.raises(HoldfastError) as caught,
    ):
        Connection(server.url, "k").request("POST", "/a")
    error = caught.value
    says(error, "it says so", "do this")
    if row.status in {401, 403}:
        assert isinstance(error, AuthError)
        return
    if row.code == "held_by_relay":
        assert isinstance(error, UnconfirmedError)
        return
    assert isinstance(error, RefusedError)
    assert (error.status, error.code) == (row.status, row.code)
    assert error.detail == {"position": 5, "retry_after": "7"}


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (200, "wandb sync"),
        (400, "wandb sync"),
        (401, "a login of its own"),
        (403, "wandb sync"),
        (404, "wandb sync"),
        (413, "64 MB"),
        (429, "try again"),
        (500, "try again"),
        (502, "try again"),
        (503, "try again"),
        (507, "try again"),
    ],
)
def test_html_answers(status: int, phrase: str) -> None:
    page = http(status, "<html>\n<b>hello</b>", kind="text/html")
    with FaultServer(lambda _: page) as server, pytest.raises(HoldfastError) as caught:
        Connection(server.url, "k").viewer()
    says(caught.value, server.url, str(status), phrase)


@pytest.mark.parametrize("body", [{}, [], {"server": "other"}, "x", 3, {"data": {"viewer": 1}}])
def test_json_of_another_server(body: object) -> None:
    answer = http(200, body)
    with FaultServer(lambda _: answer) as server, pytest.raises(RefusedError) as caught:
        Connection(server.url).viewer()
    says(caught.value, server.url, "wandb sync")


def test_viewer() -> None:
    with FaultServer(lambda _: http(200, VIEWER)) as server:
        assert Connection(server.url).viewer().entity == "ann"
    with (
        FaultServer(lambda _: http(200, {**VIEWER, "api": 2})) as server,
        pytest.raises(RefusedError) as caught,
    ):
        Connection(server.url).viewer()
    says(caught.value, "version 2")


@pytest.mark.parametrize("url", ["https://api.wandb.ai", "https://wandb.ai/", "https://x.wandb.ai"])
def test_wandbs_own_service_is_never_asked(url: str) -> None:
    with pytest.raises(RefusedError) as caught:
        Connection(url, "key")
    says(caught.value, "wandb sync")


def test_redirect_is_not_followed_and_the_key_stays() -> None:
    with FaultServer(lambda _: http(200, VIEWER)) as other:
        moved = http(307, b"", headers={"Location": f"{other.url}/api/v1/viewer"})
        with FaultServer(lambda _: moved) as server, pytest.raises(RefusedError) as caught:
            Connection(server.url, "secret").viewer()
        says(caught.value, server.url, other.url)
        assert other.requests == []


def test_refused(dead_port: int) -> None:
    with pytest.raises(UnreachableError) as caught:
        Connection(f"http://127.0.0.1:{dead_port}").viewer()
    says(caught.value, f"http://127.0.0.1:{dead_port}", "refused", "holdfast serve")


def test_no_such_name() -> None:
    with pytest.raises(UnreachableError) as caught:
        Connection("http://no-such-host.invalid").viewer()
    says(caught.value, "no-such-host.invalid", "DNS")


def test_silence() -> None:
    with FaultServer(lambda _: STALL) as server, pytest.raises(UnreachableError) as caught:
        Connection(server.url, read_timeout=0.2).viewer()
    says(caught.value, server.url, "0.2 s", "HOLDFAST_HTTP_TIMEOUT")


def test_silence_in_the_middle_of_a_body() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    with (
        FaultServer(lambda _: half, pause=30) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        Connection(server.url, read_timeout=0.2).viewer()
    says(caught.value, server.url, "0.2 s")


@pytest.mark.parametrize("how", [CLOSE, RESET, b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-"])
def test_broken_connection(how: bytes) -> None:
    with FaultServer(lambda _: how) as server, pytest.raises(UnreachableError) as caught:
        Connection(server.url).viewer()
    says(caught.value, server.url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8080",
        "ftp://h",
        "http://",
        "http://h:x",
        "http://u:p@h",
        "http://h?a",
        "http://[",
    ],
)
def test_bad_address(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Connection(url)
    says(caught.value)
    assert ":p@" not in str(caught.value)


@pytest.mark.parametrize("key", ["two words", "line\r\nInjected: x", "ü"])
def test_bad_key(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        Connection("http://h", key)
    assert key not in str(caught.value)


# Proxies


def test_proxy_is_used_and_no_proxy_honoured(
    monkeypatch: pytest.MonkeyPatch, dead_port: int
) -> None:
    with FaultServer(lambda _: http(200, VIEWER)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://ann:p%40ss@127.0.0.1:{proxy.port}")
        assert Connection("http://tracker.invalid", "k").viewer().user == "ann"
        assert proxy.requests[0].target == "http://tracker.invalid/api/v1/viewer"
        assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
        with pytest.raises(UnreachableError):  # loopback goes straight, whatever the environment
            Connection(f"http://127.0.0.1:{dead_port}").viewer()
        monkeypatch.setenv("NO_PROXY", "other.example,tracker.invalid")
        with pytest.raises(UnreachableError):
            Connection("http://tracker.invalid").viewer()
        assert len(proxy.requests) == 1


def test_dead_proxy(monkeypatch: pytest.MonkeyPatch, dead_port: int) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{dead_port}")
    with pytest.raises(UnreachableError) as caught:
        Connection("http://tracker.invalid").viewer()
    says(caught.value, "proxy", "http://tracker.invalid", "NO_PROXY")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_wants_a_login(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    page = http(407, "<html>", kind="text/html")
    with FaultServer(lambda _: page) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(UnreachableError) as caught:
            Connection(f"{scheme}://tracker.invalid").viewer()
    says(caught.value, "user name and password")


def test_unusable_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://h:1")
    with pytest.raises(UsageError) as caught:
        Connection("http://tracker.invalid")
    says(caught.value, "HTTP_PROXY")


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _tls(authority: trustme.CA, *names: str, ends: datetime.datetime | None = None):  # type: ignore[no-untyped-def]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    return context


@pytest.fixture
def known(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


@pytest.mark.usefixtures("known")
def test_private_authority(authority: trustme.CA) -> None:
    with FaultServer(lambda _: http(200, VIEWER), tls=_tls(authority, "127.0.0.1")) as server:
        assert Connection(server.url, "k").viewer().user == "ann"


def test_requests_ca_bundle(
    authority: trustme.CA, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(known))
    with FaultServer(lambda _: http(200, VIEWER), tls=_tls(authority, "127.0.0.1")) as server:
        assert Connection(server.url, "k").viewer().user == "ann"


def _refused_tls(context: ssl.SSLContext) -> tuple[UnreachableError, int]:
    with (
        FaultServer(lambda _: http(200, VIEWER), tls=context) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        Connection(server.url, "secret").viewer()
    says(caught.value, server.url)
    assert server.requests == []
    assert isinstance(caught.value, UntrustedError)
    return caught.value, server.port


def test_unknown_authority(authority: trustme.CA) -> None:
    error, _ = _refused_tls(_tls(authority, "127.0.0.1"))
    says(error, "authority", "SSL_CERT_FILE")


@pytest.mark.usefixtures("known")
def test_wrong_name(authority: trustme.CA) -> None:
    error, _ = _refused_tls(_tls(authority, "other.example"))
    says(error, "another name")


@pytest.mark.usefixtures("known")
def test_expired(authority: trustme.CA) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    error, _ = _refused_tls(_tls(authority, "127.0.0.1", ends=past))
    says(error, "expired")


def test_tls_to_a_plain_server() -> None:
    with (
        FaultServer(lambda _: http(200, VIEWER)) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        Connection(server.url.replace("http:", "https:"), read_timeout=2).viewer()
    says(caught.value, "TLS")


@pytest.mark.usefixtures("known")
def test_plain_to_a_tls_server(authority: trustme.CA) -> None:
    with FaultServer(lambda _: http(200, VIEWER), tls=_tls(authority, "127.0.0.1")) as server:
        url = server.url.replace("https:", "http:")
        with pytest.raises(UnreachableError) as caught:
            Connection(url, read_timeout=2).viewer()
    says(caught.value, url)


def test_missing_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/file")
    with pytest.raises(UsageError) as caught:
        Connection("https://h")
    says(caught.value, "/no/such/file", "SSL_CERT_FILE")
