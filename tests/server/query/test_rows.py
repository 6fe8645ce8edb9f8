"""Rows: every one in order, keys, spans, stretches, samples, and memory that does not grow."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.making import START, journal_of, rows_of_training

from holdfast.records.values import from_strict

HISTORY = "/api/v1/runs/team/digits/r1/history"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture(params=["tail", "segments"])
def settle(request: pytest.FixtureRequest, site: Site) -> Any:
    """Called after sending: leaves rows where they came to lie, or writes them out as Parquet."""
    return site.flush if request.param == "segments" else lambda: None


def rows(site: Site, **query: Any) -> list[dict[str, Any]]:
    answer = site.get(HISTORY, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    read = [from_strict(json.loads(line)) for line in answer.text.splitlines()]
    return [{key: value for key, value in row.items() if key not in _CLOCK} for row in read]


_CLOCK = {"_timestamp", "_runtime"}

LOGGED: list[dict[str, Any]] = [
    {"a": 1, "deep": {"er": [1, {"b": None}], "x.y": "ü"}},
    {"a": 1.0, "empty": {}},
    {"a": math.inf, "b": True},
    {"a": "text", "big": 2**70},
    {"b": None, "deep": {"er": 2}},
    {"c": "NaN", "half": "\ud83d", "list": [math.nan, {"a": -math.inf}]},
]


def test_rows_come_back_as_they_were_logged(site: Site, settle: Any) -> None:
    site.sync(journal_of(LOGGED))
    settle()
    expected = [{"_step": step, **row} for step, row in enumerate(LOGGED)]
    assert [repr(sorted(row.items())) for row in rows(site)] == [
        repr(sorted(row.items())) for row in expected
    ]


def test_keys_want_rows_that_have_all_of_them(site: Site, settle: Any) -> None:
    site.sync(journal_of(LOGGED))
    settle()
    assert rows(site, keys="b") == [{"_step": 2, "b": True}, {"_step": 4, "b": None}]
    assert rows(site, keys="a,b") == [{"_step": 2, "a": math.inf, "b": True}]
    assert rows(site, keys="deep.er,a") == [
        {"_step": 0, "a": 1, "deep": {"er": [1, {"b": None}]}},
    ]
    assert rows(site, keys="none") == []
    assert rows(site, keys="_step") == [{"_step": step} for step in range(6)]


def test_a_span_of_steps(site: Site, settle: Any) -> None:
    site.sync(journal_of(LOGGED))
    settle()
    assert [row["_step"] for row in rows(site, min_step=1, max_step=3)] == [1, 2, 3]


def test_the_later_stretch_is_taken_and_the_earlier_can_be_asked_for(
    site: Site, settle: Any
) -> None:
    site.sync(journal_of([{"a": 1.0} for _ in range(4)], exit_code=None))
    again = [{"a": 2.0, "_step": 2}, {"a": 2.0, "_step": 3}]
    site.sync(journal_of(again, start_time=START + 50))
    settle()
    assert [row["a"] for row in rows(site)] == [1.0, 1.0, 2.0, 2.0]
    assert [row["a"] for row in rows(site, stretches="all")] == [1.0] * 4 + [2.0] * 2


def test_samples_are_even_and_have_both_ends(site: Site, settle: Any) -> None:
    site.sync(journal_of(rows_of_training(1001, metrics=1)))
    settle()
    answer = site.get(f"{HISTORY}/sampled?samples=11").json()
    assert [row["_step"] for row in answer["rows"]] == list(range(0, 1001, 100))
    few = site.get(f"{HISTORY}/sampled?samples=5000&keys=train/metric_0").json()["rows"]
    assert len(few) == 1001
    assert set(few[0]) == {"_step", "train/metric_0"}
    assert [row["_step"] for row in site.get(f"{HISTORY}/sampled?samples=1").json()["rows"]] == [
        1000
    ]


def test_samples_of_many_rows(site: Site) -> None:
    site.sync(journal_of(rows_of_training(20_000, metrics=1)))
    steps = [row["_step"] for row in site.get(f"{HISTORY}/sampled?samples=101").json()["rows"]]
    assert (steps[0], steps[-1], len(steps)) == (0, 19_999, 101)
    assert all(150 <= later - earlier <= 250 for earlier, later in itertools.pairwise(steps))


def test_a_run_without_rows(site: Site) -> None:
    site.sync(journal_of([]))
    assert rows(site) == []
    assert site.get(f"{HISTORY}/sampled").json() == {"rows": []}
