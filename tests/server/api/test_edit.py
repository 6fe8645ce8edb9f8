"""Job type and tags changed from outside: in a journal of edits, whatever was sent stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.making import START, journal_of

RUN = "/api/v1/runs/team/digits/r1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def edit(site: Site, path: str = RUN, **body: Any) -> Any:
    return site.ask("POST", f"{path}/edit", json={"job_type": "", "replace_tags": {}, **body})


def said(site: Site) -> tuple[str, list[str], int]:
    run = site.get(RUN).json()
    return run["job_type"], run["tags"], len(run["journals"])


def test_what_was_sent_stays_and_what_is_said_changes(site: Site) -> None:
    made = journal_of([{"a": 1}], tags=("x", "y", "z"), job_type="train", name="n")
    site.sync(made)
    before = site.get(RUN).json()
    answer = edit(site, job_type="eval", replace_tags={"x": "y", "z": "w", "none": "q"})
    assert answer.status_code == 200
    assert answer.json() == {"job_type": "eval", "tags": ["y", "w"]}
    after = site.get(RUN).json()
    assert after["journals"][0] == before["journals"][0]
    assert after["journals"][1]["role"] == "edits"
    same = before.keys() - {"job_type", "tags", "journals"}
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    site.sync(journal_of([{"a": 1}], run_id="other"))
    assert site.get(RUN).json()["proof"] == "confirmed"


def test_twice_is_once(site: Site) -> None:
    site.sync(journal_of([{"a": 1}], tags=("x",)))
    assert edit(site).json() == {"job_type": "", "tags": ["x"]}
    assert said(site) == ("", ["x"], 1)
    for _ in range(2):
        edit(site, job_type="eval", replace_tags={"x": "y"})
    changed = site.get(RUN).json()["journals"][1]["position"]
    edit(site, job_type="eval")
    assert site.get(RUN).json()["journals"][1]["position"] == changed
    edit(site, job_type="test", replace_tags={"y": "x"})
    assert said(site) == ("test", ["x"], 2)


def test_a_later_journal_says_anew(site: Site) -> None:
    site.sync(journal_of([{"a": 1}], job_type="train"))
    edit(site, job_type="eval")
    site.sync(journal_of([{"a": 2}], start_time=START + 5, job_type="train"))
    assert said(site) == ("eval", [], 3)  # it began before the edit
    site.sync(journal_of([{"a": 3}], start_time=START * 2, job_type="train"))
    assert said(site) == ("train", [], 4)


def test_refusals(site: Site) -> None:
    assert edit(site).status_code == 404
    site.sync(journal_of([{"a": 1}]))
    assert edit(site, "/api/v1/runs/another/digits/r1", job_type="x").status_code == 403
    assert edit(site, job_type=1).status_code in {400, 422}
    assert edit(site, replace_tags=["x"]).status_code in {400, 422}
    assert edit(site, replace_tags={"x": 1}).status_code in {400, 422}
    assert said(site) == ("", [], 1)
