"""The relay's edge: who is let in, and which names and bodies are taken."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from sync.memory_server import MemoryServer
from sync.relay.running import relay_before
from sync.test_transport_contract import DATA, ENDS, OF

from holdfast.wire import digest_of, make_pack, paths

KEY = {"Authorization": "Bearer key"}
JOURNAL = paths.journal(OF)


class Edge(NamedTuple):
    address: tuple[str, int]
    folder: Path

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request(method, path, body, {**KEY, **(headers or {})})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, said

    def code(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        status, said = self.ask(method, path, body, headers)
        return status, said["error"]["code"]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("relay")
    with relay_before(MemoryServer(chunk_bytes=4 << 20, part_bytes=1 << 20), folder) as url:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        edge = Edge((parts.hostname, parts.port), folder)
        chunk = {"Holdfast-Digest": digest_of(DATA[: ENDS[4]])}
        assert edge.ask("POST", f"{JOURNAL}/chunks?start=0", DATA[: ENDS[4]], chunk)[0] == 200
        yield edge


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer other", "Bearer key2", "Basic eDp5", "?"])
def test_only_the_key_is_let_in(edge: Edge, given: str) -> None:
    headers = {"Authorization": given}
    assert edge.code("GET", paths.VIEWER, headers=headers) == (401, "unauthorized")
    long = bytes(3 << 20)  # refused, and the sender hears it all the same
    assert edge.code("POST", f"{JOURNAL}/chunks?start=0", long, headers) == (401, "unauthorized")


@pytest.mark.parametrize(
    "name", ["..", ".", "%2e%2e", "..%2f..%2fetc", "a%2Fb", "a%5Cb", "%00", "%20", "%ff", "x" * 200]
)
def test_no_name_leaves_its_place(edge: Edge, name: str) -> None:
    for path in (
        f"/api/v1/runs/{name}/digits/r1/journals/{OF.journal}",
        f"/api/v1/runs/ann/{name}/r1/journals/{OF.journal}",
        f"/api/v1/runs/ann/digits/{name}/journals/{OF.journal}",
        f"/api/v1/runs/ann/digits/r1/journals/{name}",
        f"/api/v1/blobs/ann/{name}",
        f"/api/v1/blobs/{name}/{digest_of(b'x')}",
    ):
        assert edge.code("GET", path) == (400, "bad_request"), path


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "a//b", ".", "", "a\0b", "..", "\ud800"]
)
def test_no_file_leaves_the_run(edge: Edge, path: str) -> None:
    entry = {"path": path, "size": 1, "digest": digest_of(b"x")}
    body = make_pack({"files": [entry]}, [(digest_of(b"x"), b"x")])
    assert edge.code("POST", f"{JOURNAL}/files", body) == (422, "invalid")
    assert not list(edge.folder.rglob("x"))


def test_a_file_whose_place_another_had(edge: Edge) -> None:
    pack = make_pack({"files": []}, [(digest_of(b"x"), b"x")])
    assert edge.ask("POST", f"{JOURNAL}/files", pack) == (200, {"missing": []})
    (files,) = edge.folder.glob("spool/runs/*/files")
    for path in ("a", "a/b", "a/b/c", "a", "a"):
        body = json.dumps({"files": [{"path": path, "size": 1, "digest": digest_of(b"x")}]})
        assert edge.ask("POST", f"{JOURNAL}/files", body.encode()) == (200, {"missing": []})
        assert (files / path).read_bytes() == b"x"


def test_bodies_are_limited_and_checked(edge: Edge) -> None:
    chunks = f"{JOURNAL}/chunks?start={ENDS[4]}"
    data = DATA[ENDS[4] :]
    right = {"Holdfast-Digest": digest_of(data)}
    assert edge.code("POST", chunks, bytes((4 << 20) + 1)) == (413, "too_large")
    assert edge.code("POST", f"{JOURNAL}/files", bytes((1 << 20) + 1)) == (413, "too_large")
    assert edge.code("POST", f"{JOURNAL}/receipt", bytes((16 << 20) + 1)) == (413, "too_large")
    assert edge.code("POST", chunks, data) == (400, "bad_request")
    assert edge.code("POST", chunks, data[:-1], right) == (422, "digest_mismatch")
    assert edge.code("POST", chunks, data, {**right, "Holdfast-Writer": "?"})[0] == 400
    assert edge.code("POST", chunks, data, {**right, "Content-Encoding": "br"})[0] == 400
    bomb = {**right, "Content-Encoding": "deflate"}
    assert edge.code("POST", chunks, b"no zlib", bomb) == (422, "digest_mismatch")
    for start in ("", "-1", "x", "9" * 40, "%C2%B2"):
        path = f"{JOURNAL}/chunks?start={start}"
        assert edge.code("POST", path, data, right) == (400, "bad_request")
    for body in (b"", b"[", b"[]", b'{"files": 3}', b'{"files": [NaN]}', b"[" * 100_000):
        assert edge.code("POST", f"{JOURNAL}/files", body) == (400, "bad_request")
    assert edge.ask("GET", JOURNAL)[1] == {"position": ENDS[4]}


def test_other_routes_and_methods(edge: Edge) -> None:
    assert edge.code("GET", "/") == (404, "not_found")
    assert edge.code("GET", paths.run(OF.run)) == (404, "not_found")
    assert edge.code("POST", paths.VIEWER) == (405, "method_not_allowed")
    unknown = paths.journal(OF._replace(journal="0" * 32))
    assert edge.ask("GET", unknown) == (200, {"position": 0})
    assert edge.code("POST", f"{unknown}/files", b'{"files": []}') == (404, "not_found")


def test_a_sender_that_says_nothing_stops_nobody(edge: Edge) -> None:
    silent = [socket.create_connection(edge.address) for _ in range(20)]
    assert edge.ask("GET", paths.VIEWER)[0] == 200
    for one in silent:
        one.close()
