"""Who may do what: keys, sessions, one-time links, other origins, other entities."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site, journal_path
from server.making import journal_of

from holdfast.ids import RunPath
from holdfast.wire import digest_of

VIEWER = "/api/v1/viewer"
SESSION = "/api/v1/session"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def basic(name: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def cookie_of(answer: Any) -> str:
    header: str = answer.headers["set-cookie"]
    assert "HttpOnly" in header
    assert "SameSite=strict" in header
    assert "Path=/" in header
    return header.partition(";")[0]


def test_a_key_as_bearer_or_as_password(site: Site) -> None:
    assert site.get(VIEWER).json()["user"] == "team"
    assert site.get(VIEWER, key=None, headers=basic("api", site.key)).status_code == 200
    assert site.get(VIEWER, key=None, headers=basic("", site.key)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer " + "0" * 40},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Digest abc"},
        {"Cookie": "holdfast_session=abc.def"},
        {"Cookie": "holdfast_session="},
        {"Cookie": "holdfast_session=WyJ0ZWFtIiwgOTk5OTk5OTk5OV0=.00"},
        {"Cookie": b"holdfast_session=\xfc.\xfc"},
    ],
)
def test_no_good_key_is_401_without_a_password_window(site: Site, headers: dict[str, Any]) -> None:
    answer = site.get(VIEWER, key=None, headers=headers)
    assert code(answer) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "holdfast login" in answer.json()["error"]["hint"]


def test_every_route_but_the_open_ones_wants_authority(site: Site) -> None:
    document = site.get("/api/v1/openapi.json", key=None).json()
    open_to_all = {"/healthz", "/metrics", SESSION}
    names = {"entity": "team", "project": "p", "run_id": "r", "journal": "0" * 32, "path": "f"}
    names["digest"] = digest_of(b"")
    for path, methods in document["paths"].items():
        for method in methods:
            if path not in open_to_all:
                query = "?start=0&offset=0&size=0"
                answer = site.ask(method.upper(), path.format(**names) + query, key=None)
                assert code(answer) == (401, "unauthorized"), (method, path)


def test_a_removed_user_is_out_soon(site: Site) -> None:
    key = site.users.add("ada")
    session = cookie_of(site.ask("POST", SESSION, json={"key": key}, key=None))
    assert site.get(VIEWER, key=key).status_code == 200
    site.users.remove("ada")
    site.now += 10
    assert code(site.get(VIEWER, key=key)) == (401, "unauthorized")
    assert code(site.get(VIEWER, key=None, headers={"Cookie": session}))[0] == 401


def test_a_key_makes_a_session_that_ends(site: Site) -> None:
    assert code(site.ask("POST", SESSION, json={"key": "0" * 40}, key=None))[0] == 401
    for body in ({}, {"key": 7}, []):
        assert code(site.ask("POST", SESSION, json=body, key=None)) == (400, "bad_request")
    answer = site.ask("POST", SESSION, json={"key": site.key}, key=None)
    assert answer.json()["user"] == "team"
    session = {"Cookie": cookie_of(answer)}
    assert site.get(VIEWER, key=None, headers=session).json()["user"] == "team"
    site.now += 31 * 24 * 3600
    assert code(site.get(VIEWER, key=None, headers=session))[0] == 401


def test_a_session_of_another_server_is_worth_nothing(site: Site, tmp_path: Path) -> None:
    answer = site.ask("POST", SESSION, json={"key": site.key}, key=None)
    with Site(tmp_path / "other") as other:
        other.authority._secret = b"another" * 5
        headers = {"Cookie": cookie_of(answer)}
        assert code(other.get(VIEWER, key=None, headers=headers))[0] == 401


def test_the_link_signs_in_once(site: Site) -> None:
    token = site.authority.new_link("team")
    first = site.get(f"/login?token={token}", key=None)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    session = {"Cookie": cookie_of(first)}
    assert site.get(VIEWER, key=None, headers=session).json()["user"] == "team"
    again = site.get(f"/login?token={token}", key=None)
    assert (again.status_code, again.headers["location"]) == (303, "/login")
    assert "set-cookie" not in again.headers
    # The browser that has used it may open it again: it is signed in.
    same = site.get(f"/login?token={token}", key=None, headers=session)
    assert (same.status_code, same.headers["location"]) == (303, "/")


def test_signing_out_takes_the_cookie_away(site: Site) -> None:
    answer = site.ask("DELETE", SESSION, key=None)
    assert answer.status_code == 204
    assert 'holdfast_session=""' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8080"}, 200),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:5173"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_another_origin_may_not_use_the_session(
    site: Site, headers: dict[str, str], status: int
) -> None:
    site.sync(journal_of([{"a": 1}]))
    session = cookie_of(site.ask("POST", SESSION, json={"key": site.key}, key=None))
    answer = site.ask(
        "POST",
        "/api/v1/projects/team/digits/lines",
        key=None,
        json={"runs": ["r1"], "keys": ["a"]},
        headers={"Cookie": session, **headers},
    )
    assert answer.status_code == status


def test_anybody_signed_in_reads_and_only_the_owner_writes(site: Site) -> None:
    made = journal_of([{"a": 1}])
    site.sync(made)
    key = site.users.add("ada")
    assert site.get("/api/v1/runs/team/digits/r1", key=key).status_code == 200
    assert code(site.chunk(made, key=key)) == (403, "forbidden")
    blob = f"/api/v1/blobs/team/{digest_of(b'x')}?offset=0&size=1"
    journal = journal_path(made)
    for method, path in (
        ("GET", journal),
        ("POST", f"{journal}/files"),
        ("POST", f"{journal}/receipt"),
        ("PUT", blob),
        ("GET", blob),
    ):
        answer = site.ask(method, path, key=key, content=b"x" if method != "GET" else None)
        assert code(answer) == (403, "forbidden"), path
        assert "ada" in answer.json()["error"]["hint"]
    own = RunPath("ada", "digits", "r1")
    assert site.chunk(made, own, key=key).status_code == 200


def test_the_answer_to_a_chunk_says_where_a_browser_sees_the_run(site: Site) -> None:
    run = RunPath("team", "my digits", "r1")
    answer = site.chunk(journal_of([]), run).json()
    assert answer["run"]["url"] == "http://127.0.0.1:8080/team/my%20digits/runs/r1"
