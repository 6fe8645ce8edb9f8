"""The edge: hosts, headers, sizes, paths, damaged bodies; every refusal in one form."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site, journal_path
from server.held import RUN
from server.making import claim_of, journal_of

from holdfast.server.settings import Limits
from holdfast.wire import digest_of, make_pack

LIMITS = Limits(chunk_bytes=100_000, part_bytes=10_000, json_bytes=5_000)
VIEWER = "/api/v1/viewer"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path, limits=LIMITS) as site:
        yield site


def code(answer: Any) -> tuple[int, str]:
    error = answer.json()["error"]
    assert error["message"]
    assert "\n" not in error["message"]
    return answer.status_code, error["code"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "[::1]:8080", "a.localhost"])
def test_loopback_names_are_answered(site: Site, host: str) -> None:
    assert site.get(VIEWER, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", "10.0.0.1"])
def test_other_names_are_refused_on_loopback(site: Site, host: str) -> None:
    answer = site.get(VIEWER, headers={"Host": host})
    assert code(answer) == (400, "bad_request")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_names_are_answered_when_others_may_come(tmp_path: Path) -> None:
    with Site(tmp_path, host="0.0.0.0") as site:
        assert site.get(VIEWER, headers={"Host": "lab.example"}).status_code == 200


@pytest.mark.parametrize(
    "path", [VIEWER, "/", "/healthz", "/api/v1/none", "/team/digits", "/files/a/b/c/content/d"]
)
def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "frame-ancestors 'none'", "img-src 'self' data: blob:"):
        assert part in policy
    assert "script-src" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_long_headers_and_paths_are_refused(site: Site) -> None:
    assert code(site.get(VIEWER, headers={"X-Long": "x" * 70_000})) == (400, "bad_request")
    assert code(site.get("/api/v1/runs/" + "x" * 20_000)) == (400, "bad_request")
    assert code(site.get("/api/v1/runs/team/p%00q/r")) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/none", (404, "not_found")),
        ("GET", "/api/none", (404, "not_found")),
        ("DELETE", VIEWER, (405, "method_not_allowed")),
        ("POST", "/", (405, "method_not_allowed")),
        ("DELETE", "/graphql", (405, "method_not_allowed")),
        ("DELETE", "/files/team/digits/r/content/a.txt", (405, "method_not_allowed")),
        ("GET", "/api/v1/runs/team/a%3Cb/r", (400, "bad_request")),
        ("GET", "/api/v1/runs/team/digits/%20r", (400, "bad_request")),
        ("GET", "/api/v1/projects/team/digits/changes?since=x", (400, "bad_request")),
    ],
)
def test_what_has_no_answer(site: Site, method: str, path: str, expected: tuple[int, str]) -> None:
    assert code(site.ask(method, path)) == expected


def test_a_chunk_that_unpacks_beyond_the_limit_is_never_unpacked(site: Site) -> None:
    made = journal_of([])
    bomb = zlib.compress(bytes(50_000_000), 9)
    assert len(bomb) < LIMITS.chunk_bytes
    headers = {"Content-Encoding": "deflate", "Holdfast-Digest": digest_of(b"")}
    path = f"{journal_path(made)}/chunks?start=0"
    answer = site.ask("POST", path, content=bomb, headers=headers)
    assert code(answer) == (413, "too_large")
    assert answer.json()["error"]["limit"] == LIMITS.chunk_bytes


def test_bodies_over_their_limit(site: Site) -> None:
    journal = journal_path(journal_of([]))
    blob = f"/api/v1/blobs/team/{digest_of(b'')}?offset=0&size=20000"
    for method, path, limit in (
        ("POST", f"{journal}/chunks?start=0", LIMITS.chunk_bytes),
        ("POST", f"{journal}/files", LIMITS.part_bytes),
        ("POST", f"{journal}/receipt", LIMITS.json_bytes),
        ("PUT", blob, LIMITS.part_bytes),
        ("POST", "/api/v1/projects/team/digits/lines", LIMITS.json_bytes),
        ("POST", "/api/v1/session", 64 * 1024),
    ):
        for body in (bytes(limit + 1), _streamed(limit + 1)):
            answer = site.ask(method, path, content=body)
            assert code(answer) == (413, "too_large"), path
            assert answer.json()["error"]["limit"] == limit


async def _streamed(size: int) -> Any:
    """A body whose length no header announces."""
    for at in range(0, size, 1000):
        yield bytes(min(1000, size - at))


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({}, b"x", (400, "bad_request")),
        ({"Holdfast-Digest": "md5:00"}, b"x", (400, "bad_request")),
        ({"Holdfast-Digest": digest_of(b"y")}, b"x", (422, "digest_mismatch")),
        ({"Holdfast-Digest": digest_of(b"x")}, b"x", (422, "invalid")),
        (
            {"Holdfast-Digest": digest_of(b"x"), "Holdfast-Writer": "dead"},
            b"x",
            (400, "bad_request"),
        ),
        ({"Content-Encoding": "br"}, b"x", (400, "bad_request")),
        ({"Content-Encoding": "deflate"}, b"no zlib", (422, "digest_mismatch")),
        ({"Content-Encoding": "deflate"}, zlib.compress(b"x" * 999)[:-4], (422, "digest_mismatch")),
    ],
)
def test_chunks_that_are_none(
    site: Site, headers: dict[str, str], body: bytes, expected: tuple[int, str]
) -> None:
    path = f"{journal_path(journal_of([]))}/chunks?start=0"
    assert code(site.ask("POST", path, content=body, headers=headers)) == expected


def test_a_journal_s_id_and_a_digest_have_a_grammar(site: Site) -> None:
    made = journal_of([])
    for journal in ("x", "0" * 31, "0" * 33, "A" * 32):
        bad = made.__class__(made.data, journal, made.ends)
        assert code(site.chunk(bad)) == (400, "bad_request")
        assert code(site.get(journal_path(bad))) == (400, "bad_request")
    for digest in ("x", "sha256:" + "g" * 64, "md5:" + "0" * 64, "sha256:" + "0" * 65):
        path = f"/api/v1/blobs/team/{digest}?offset=0&size=1"
        assert code(site.ask("PUT", path, content=b"x")) == (400, "bad_request")


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", ".", "a\0b", "x" * 4500]
)
def test_paths_that_leave_the_run_are_invalid(site: Site, path: str) -> None:
    made = journal_of([])
    site.sync(made)
    entry = {"path": path, "size": 1, "digest": digest_of(b"x")}
    pack = make_pack({"files": [entry]}, [(digest_of(b"x"), b"x")])
    answer = site.ask("POST", f"{journal_path(made)}/files", content=pack)
    assert code(answer) == (422, "invalid")
    assert site.get("/api/v1/runs/team/digits/r1/files").json() == {"files": []}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 3000, b"7"])
def test_bodies_that_are_no_json(site: Site, body: bytes) -> None:
    made = journal_of([])
    site.sync(made)
    for path in (
        f"{journal_path(made)}/files",
        f"{journal_path(made)}/receipt",
        "/api/v1/projects/team/digits/lines",
        "/api/v1/session",
    ):
        assert code(site.ask("POST", path, content=body)) == (400, "bad_request"), path


def test_positions_that_disagree_say_where_the_server_stands(site: Site) -> None:
    made = journal_of([{"a": 1}, {"a": 2}])
    site.sync(made)
    answer = site.chunk(made)
    assert code(answer) == (409, "position_mismatch")
    assert answer.json()["error"]["position"] == len(made.data)
    assert site.get(journal_path(made)).json() == {"position": len(made.data)}
    claim = {**claim_of(made).to_json(), "digest": digest_of(b"")}
    answer = site.ask("POST", f"{journal_path(made)}/receipt", json=claim)
    assert code(answer) == (409, "claim_mismatch")
    blob = f"/api/v1/blobs/team/{digest_of(b'ab')}"
    answer = site.ask("PUT", f"{blob}?offset=1&size=2", content=b"b")
    assert code(answer) == (409, "offset_mismatch")
    assert answer.json()["error"]["offset"] == 0
    state = site.ask("PUT", f"{blob}?offset=0&size=2", content=b"a").json()
    assert state == {"offset": 1, "complete": False} == site.get(blob).json()
    assert site.ask("PUT", f"{blob}?offset=1&size=2", content=b"b").json()["complete"]


def test_a_chunk_of_no_bytes_says_how_the_writer_is(site: Site) -> None:
    made = journal_of([{"a": 1}], exit_code=None)
    site.sync(made, writer="alive")
    path = f"{journal_path(made)}/chunks?start={len(made.data)}"
    answer = site.ask("POST", path, headers={"Holdfast-Writer": "gone"})
    assert answer.json()["position"] == len(made.data)
    run = site.get(f"/api/v1/runs/{'/'.join(RUN)}").json()
    assert (run["state"], run["journals"][0]["writer"]) == ("crashed", "gone")


def test_a_defect_is_500_and_says_no_more_than_its_kind(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(site.queries, "projects", broken)
    answer = site.get("/api/v1/projects")
    assert code(answer) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_health_and_metrics_need_no_key(site: Site) -> None:
    made = journal_of([{"a": 1}, {"a": 2}])
    site.sync(made)
    assert site.get("/healthz", key=None).text == "ok\n"
    text = site.get("/metrics", key=None).text
    said = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(said["holdfast_rows"]) == 2
    assert float(said["holdfast_runs"]) == 1
    assert float(said["holdfast_position_bytes"]) == len(made.data)
    assert float(said['holdfast_ingest_bytes_total{kind="chunk"}']) == len(made.data)
    assert float(said["holdfast_disk_free_bytes"]) > 0
    chunks = '{entity}/{project}/{run_id}/journals/{journal}/chunks",status="200"}'
    counted = {name: value for name, value in said.items() if name.endswith(chunks)}
    assert [counted[name] for name in counted if "requests_total" in name] == ["1.0"]
    assert "team" not in text


def test_a_server_that_is_not_well_says_so(site: Site) -> None:
    site.held.store.close()
    (site.settings.data / "holdfast.db").unlink()
    (site.settings.data / "holdfast.db").mkdir()
    answer = site.get("/healthz", key=None)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_openapi_names_every_code(site: Site) -> None:
    document = site.get("/api/v1/openapi.json", key=None).json()
    answers = document["paths"]["/api/v1/projects"]["get"]["responses"]
    assert {"200", "400", "401", "404", "413", "500", "507"} <= set(answers)
    codes = document["components"]["schemas"]["Failure"]["properties"]["error"]["properties"]
    assert "claim_mismatch" in codes["code"]["enum"]
    assert json.dumps(document)
