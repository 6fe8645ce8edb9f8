"""Long answers go as gzip to who takes it; files, streams and short answers go as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from server.api_client import Site, journal_path
from server.making import journal_of, rows_of_training

from holdfast.wire import digest_of, make_pack

LINES = "/api/v1/projects/team/digits/lines"
RUN = "/api/v1/runs/team/digits/r1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        made = journal_of(rows_of_training(2000))
        site.sync(made)
        data = b"digits " * 2000
        entry = {"path": "a.json", "size": len(data), "digest": digest_of(data)}
        pack = make_pack({"files": [entry]}, [(digest_of(data), data)])
        named = site.ask("POST", f"{journal_path(made)}/files", content=pack)
        assert named.status_code == 200
        (site.web / "assets").mkdir(parents=True)
        (site.web / "assets/index-abc123.js").write_text("let digit = 1;\n" * 1000)
        yield site


def lines(site: Site, takes: str) -> Any:
    wanted = {"runs": ["r1"], "keys": ["train/metric_0"], "points": 500}
    return site.ask("POST", LINES, json=wanted, headers={"Accept-Encoding": takes})


@pytest.mark.parametrize(
    "takes", ["gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.5", "br,gzip ; q=0.001,x"]
)
def test_who_takes_it_gets_the_same_in_fewer_bytes(site: Site, takes: str) -> None:
    plain, packed = lines(site, "identity"), lines(site, takes)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.json() == plain.json()
    sizes = [int(one.headers["content-length"]) for one in (packed, plain)]
    assert sizes[1] == len(plain.content)
    assert sizes[0] < 0.7 * sizes[1]


@pytest.mark.parametrize("takes", ["", "identity", "br", "gzip;q=0", "gzip;q=0.000, br", "xgzip"])
def test_who_does_not_take_it_gets_it_as_it_is(site: Site, takes: str) -> None:
    answer = lines(site, takes)
    assert "content-encoding" not in answer.headers
    assert len(answer.json()["lines"]) == 1


def test_the_dashboards_script_is_packed(site: Site) -> None:
    answer = site.get("/assets/index-abc123.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 500
    assert answer.text == "let digit = 1;\n" * 1000


@pytest.mark.parametrize("path", [f"{RUN}/files/a.json", f"{RUN}/history", "/api/v1/projects"])
def test_files_streams_and_short_answers_go_as_they_are(site: Site, path: str) -> None:
    answer = site.get(path, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
