"""The way to the server: every kind of no, from a real socket."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import CLOSE, STALL, Answer, FaultServer, Request, http

from holdfast.sync.doctor.finding import Finding
from holdfast.sync.doctor.network import Way, look_at_limits, look_at_network, look_at_speed
from holdfast.wire import error_body


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def looked(url: str, key: str = "key", timeout: float = 5.0) -> list[Finding | Way]:
    return list(look_at_network(url, key, timeout))


def findings(url: str, key: str = "key", timeout: float = 5.0) -> list[Finding]:
    return [found for found in looked(url, key, timeout) if isinstance(found, Finding)]


def trouble(url: str, key: str = "key", timeout: float = 5.0) -> Finding:
    [found] = [f for f in findings(url, key, timeout) if f.severity in ("warning", "error")]
    return found


def way(url: str) -> Way:
    [found] = [found for found in looked(url) if isinstance(found, Way)]
    return found


def always(answer: bytes) -> Answer:
    return lambda request: answer


def test_a_way_that_works() -> None:
    with FaultServer(OverHttp(MemoryServer())) as server:
        found = looked(server.url)
    assert [f.severity for f in found if isinstance(f, Finding)] == ["ok", "ok"]
    assert isinstance(found[-1], Way)
    assert found[-1].viewer.user == "ann"


def test_an_address_that_is_none() -> None:
    assert "not an address" in trouble("lab").evidence
    assert "W&B's own service" in trouble("https://api.wandb.ai").evidence


def test_a_name_without_address() -> None:
    found = trouble("http://nobody.invalid:8080")
    assert "no address (DNS)" in found.what
    assert "nobody.invalid" in found.evidence


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = trouble(f"http://127.0.0.1:{port}")
    assert (found.what, "holdfast serve" in found.cure) == (
        f"no connection to the server at 127.0.0.1:{port}",
        True,
    )
    assert "refused" in found.evidence


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "no Holdfast interface at this address (200)"),
        (404, "no Holdfast interface at this address (404)"),
        (413, "refuses bodies of this size (413)"),
        (429, "asks for fewer requests (429)"),
        (500, "in trouble (500)"),
        (502, "in trouble (502)"),
        (503, "in trouble (503)"),
        (302, "says no (302)"),
    ],
)
def test_what_a_proxy_or_another_server_says(status: int, words: str) -> None:
    with FaultServer(always(http(status, "<html>", kind="text/html"))) as server:
        found = trouble(server.url)
    assert words in found.what
    assert found.cure


@pytest.mark.parametrize(("key", "words"), [("", "wants a key"), ("other", "refuses the key")])
def test_a_key_that_is_refused(key: str, words: str) -> None:
    with FaultServer(OverHttp(MemoryServer())) as server:
        found = trouble(server.url, key)
    assert words in found.what


def test_a_key_without_the_right() -> None:
    body = error_body("forbidden", "this key may only read")
    with FaultServer(always(http(403, body))) as server:
        assert "may only read" in trouble(server.url).evidence


def test_a_server_that_is_something_else() -> None:
    with FaultServer(always(http(200, {"hello": "world"}))) as server:
        assert "not a Holdfast server" in trouble(server.url).evidence


def test_no_answer() -> None:
    with FaultServer(always(STALL)) as server:
        assert "gave no answer within 0.2 s" in trouble(server.url, timeout=0.2).evidence
    with FaultServer(always(CLOSE)) as server:
        assert "broke off" in trouble(server.url).evidence


def test_a_slow_first_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.sync.doctor.network._SLOW_ANSWER", 0.0)
    with FaultServer(OverHttp(MemoryServer())) as server:
        assert "first byte" in trouble(server.url).what


@pytest.mark.parametrize(("hours", "word"), [(2, "behind"), (-2, "ahead of")])
def test_clocks_that_differ(hours: int, word: str) -> None:
    answers = OverHttp(MemoryServer())

    def dated(request: Request) -> bytes:
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
        head, _, body = answers(request).partition(b"\r\n\r\n")
        date = format_datetime(moment, usegmt=True).encode()
        return head + b"\r\nDate: " + date + b"\r\n\r\n" + body

    with FaultServer(dated) as server:
        found = trouble(server.url)
    assert found.severity == "warning"
    assert word in found.evidence


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls(authority: trustme.CA, *names: str, ends: datetime.datetime | None = None) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    with FaultServer(OverHttp(MemoryServer()), tls=context) as server:
        yield server.url


def test_an_unknown_authority(authority: trustme.CA) -> None:
    for url in tls(authority, "127.0.0.1"):
        found = trouble(url)
    assert "authority that is not known here" in found.evidence
    assert "SSL_CERT_FILE" in found.cure


def test_an_expired_certificate(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
    for url in tls(authority, "127.0.0.1", ends=past):
        found = trouble(url)
    assert "has expired" in found.evidence
    assert "clock" in found.cure


def test_tls_where_none_is_spoken() -> None:
    with FaultServer(OverHttp(MemoryServer())) as server:
        found = trouble(server.url.replace("http:", "https:"))
    assert "does not speak TLS" in found.evidence


def test_a_proxy_that_lets_nobody_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(always(http(407, "who are you", kind="text/html"))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("http://", "http://user:secret@"))
        [note, ok, refused] = findings("http://lab.invalid")
    assert "through the proxy 127.0.0.1" in note.what
    assert "secret" not in f"{note}{ok}{refused}"
    assert ok.severity == "ok"
    assert "user name and password" in refused.evidence


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    assert "no connection to the proxy" in trouble("http://lab.invalid").what


def test_speed_is_measured_and_nothing_is_kept() -> None:
    memory = MemoryServer()
    with FaultServer(OverHttp(memory)) as server:
        [found] = look_at_speed(way(server.url), 300_000_000)
    assert "MB/s to the server; the 300.0 MB that are pending need about" in found.what
    assert memory.blobs == {}


@pytest.mark.parametrize(
    ("status", "words"), [(413, "refuses bodies of this size"), (507, "disk of the server is full")]
)
def test_a_limit_for_bodies_on_the_way(status: int, words: str) -> None:
    """What asks for little gets through; only a body of the size that sync sends shows it."""
    answers = OverHttp(MemoryServer())

    def limited(request: Request) -> bytes:
        return http(status, "<html>") if len(request.body) > 1 << 20 else answers(request)

    with FaultServer(limited) as server:
        [found] = look_at_speed(way(server.url), 0)
    assert found.severity == "error"
    assert words in found.what


def test_a_record_that_is_longer_than_the_server_takes() -> None:
    viewer = MemoryServer().viewer()
    assert list(look_at_limits(viewer, viewer.chunk_bytes)) == []
    [found] = look_at_limits(viewer, viewer.chunk_bytes + 1)
    assert found.severity == "error"


def test_a_slow_link_is_not_measured_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 30))
    answers = OverHttp(MemoryServer())
    with FaultServer(answers) as server:
        slow = way(server.url)
        monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
        [found] = look_at_speed(slow, 100_000_000)
        monkeypatch.undo()
        sizes = [len(request.body) for request in server.requests if request.method == "PUT"]
    assert sizes == [256 << 10]
    assert found.severity == "note"
    assert found.what.endswith("h")
