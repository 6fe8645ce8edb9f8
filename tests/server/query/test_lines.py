"""Lines: their x, their span, stretches and breaks, what is no number, thinning."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.held import RUN
from server.making import START, journal_of

from holdfast.records import encode
from holdfast.server.query import lines


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture(params=["tail", "segments"])
def settle(request: pytest.FixtureRequest, site: Site) -> Any:
    """Called after sending: leaves rows where they came to lie, or writes them out as Parquet."""
    return site.flush if request.param == "segments" else lambda: None


def points(line: dict[str, Any]) -> list[tuple[float, float]]:
    return list(zip(line["x"], line["y"], strict=True))


def test_points_are_what_was_logged_at_its_steps(site: Site, settle: Any) -> None:
    site.sync(journal_of([{"a": 0.5, "_step": 3}, {"b": 1}, {"a": 7, "_step": 9}]))
    settle()
    (line,) = site.lines(keys=["a"])
    assert points(line) == [(3, 0.5), (9, 7)]
    assert (line["run"], line["key"], line["total"], line["exact"]) == ("r1", "a", 2, True)
    assert line["lo"] == line["hi"] == line["marks"] == line["breaks"] == []


def test_bools_are_0_and_1_and_texts_are_no_points(site: Site, settle: Any) -> None:
    site.sync(journal_of([{"a": True}, {"a": "text"}, {"a": None}, {"a": 2**70}, {"b": "text"}]))
    settle()
    (line,) = site.lines(keys=["a", "b"])
    assert points(line) == [(0, 1.0), (3, float(2**70))]


def test_what_is_not_finite_is_a_mark(site: Site, settle: Any) -> None:
    values = [1.0, math.nan, math.inf, -math.inf, 2.0]
    site.sync(journal_of([{"a": value} for value in values]))
    settle()
    (line,) = site.lines(keys=["a"])
    assert points(line) == [(0, 1.0), (4, 2.0)]
    assert [(mark["x"], mark["kind"]) for mark in line["marks"]] == [
        (1, "NaN"),
        (2, "Infinity"),
        (3, "-Infinity"),
    ]


def test_a_spike_survives_thinning_and_a_zoom_is_exact(site: Site, settle: Any) -> None:
    rows = [{"a": math.sin(step / 50)} for step in range(20_000)]
    rows[12_345] = {"a": 99.0}
    site.sync(journal_of(rows))
    settle()
    (line,) = site.lines(keys=["a"], points=100)
    assert len(line["x"]) <= 100
    assert (12_345, 99.0) in points(line)
    assert (line["total"], line["exact"]) == (20_000, False)
    assert len(line["lo"]) == len(line["hi"]) == len(line["x"])
    assert all(lo <= y <= hi for lo, y, hi in zip(line["lo"], line["y"], line["hi"], strict=True))
    (near,) = site.lines(keys=["a"], points=100, min=12_340.5, max=12_350)
    assert near["exact"]
    assert near["x"] == list(range(12_341, 12_351))
    assert near["y"] == [rows[step]["a"] for step in range(12_341, 12_351)]


def test_a_restart_takes_over_and_breaks_the_line(site: Site, settle: Any) -> None:
    first = journal_of([{"a": 1.0} for _ in range(6)], exit_code=None)
    again = [{"a": 2.0, "_step": step} for step in (3, 4)]
    site.sync(first)
    site.sync(journal_of(again, start_time=START + 100))
    settle()
    (line,) = site.lines(keys=["a"])
    assert points(line) == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0), (5, 1.0)]
    assert line["breaks"] == [3]
    (whole,) = site.lines(keys=["a"], stretches="all")
    assert points(whole) == [(step, 1.0) for step in range(6)] + [(3, 2.0), (4, 2.0)]
    assert whole["breaks"] == [3]


@pytest.mark.parametrize(
    ("x", "expected"),
    [("_runtime", [0, 1, 2]), ("_timestamp", [START, START + 1, START + 2]), ("e", [10, 20, 30])],
)
def test_other_xs(site: Site, settle: Any, x: str, expected: list[float]) -> None:
    site.sync(journal_of([{"a": float(n), "e": 10 * n} for n in (1, 2, 3)]))
    settle()
    (line,) = site.lines(keys=["a"], x=x)
    assert points(line) == list(zip(expected, [1.0, 2.0, 3.0], strict=True))
    (part,) = site.lines(keys=["a"], x=x, min=expected[1])
    assert part["x"] == expected[1:]


def test_rows_that_say_only_when_they_were_logged_go_on_from_those_before(
    site: Site, settle: Any
) -> None:
    """As a wandb client sends the rows of a folder that Holdfast wrote."""
    told = [encode.history([(["a"], "0.5"), (["_timestamp"], str(START + 1))])]
    told += [
        encode.history([(["a"], "1"), (["_timestamp"], str(START + 101)), (["_runtime"], "7.5")]),
        encode.history([(["a"], "2"), (["_timestamp"], str(START + 103))]),
        encode.history([(["a"], "3"), (["_timestamp"], "Infinity")]),
        encode.history([(["a"], "4")]),
    ]
    site.sync(journal_of([], after=told))
    settle()
    (line,) = site.lines(keys=["a"], x="_runtime")
    assert points(line) == [(1, 0.5), (7.5, 1.0), (9.5, 2.0)]


def test_an_x_that_falls_is_put_in_order(site: Site, settle: Any) -> None:
    site.sync(journal_of([{"a": 1.0, "e": 3}, {"a": 2.0, "e": 1}, {"a": 3.0, "e": math.nan}]))
    settle()
    (line,) = site.lines(keys=["a"], x="e")
    assert points(line) == [(1, 2.0), (3, 1.0)]


def test_system_samples_have_run_time_for_x(site: Site, settle: Any) -> None:
    stats = [encode.stats({"cpu": 10.0 * n, "gpu.0.temp": 50.0}, START + 10 * n) for n in (1, 2)]
    site.sync(journal_of([{"a": 1.0}], after=stats))
    settle()
    (line,) = site.lines(keys=["system.cpu"], stream="system")
    assert points(line) == [(10, 10.0), (20, 20.0)]
    assert line["key"] == "system.cpu"
    (stamped,) = site.lines(keys=["system.gpu.0.temp"], stream="system", x="_timestamp")
    assert stamped["x"] == [START + 10, START + 20]
    assert site.lines(keys=["system.none"], stream="system") == []


def test_runs_come_in_the_order_asked_and_unknown_ones_not_at_all(site: Site) -> None:
    for name in ("r1", "r2"):
        made = journal_of([{"a": 1.0, "b": 2.0}], run_id=name)
        site.sync(made, RUN._replace(run_id=name))
    lines = site.lines(runs=["r2", "none", "r1", "r2"], keys=["b", "a", "none"])
    assert [(line["run"], line["key"]) for line in lines] == [
        ("r2", "b"),
        ("r2", "a"),
        ("r1", "b"),
        ("r1", "a"),
    ]


def test_lines_follow_what_arrives(site: Site) -> None:
    made = journal_of([{"a": 1.0}], exit_code=None)
    site.sync(made)
    first = site.lines(keys=["a", "b"])
    assert first == site.lines(keys=["a", "b"])
    longer = journal_of([{"a": 1.0}, {"a": 2.0, "b": 3.0}], exit_code=None)
    assert longer.data.startswith(made.data)
    assert site.chunk(longer, start=len(made.data)).status_code == 200
    both = site.lines(keys=["a", "b"])
    assert [points(line) for line in both] == [[(0, 1.0), (1, 2.0)], [(1, 3.0)]]
    site.flush()
    assert site.lines(keys=["b", "a"]) == both[::-1]


def test_what_is_kept_has_a_bound(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_MAX_KEPT_NUMBERS", 1000)
    site.sync(journal_of([{f"k{n}": float(n) for n in range(50)}]))
    for _ in range(2):
        found = site.lines(keys=[f"k{n}" for n in range(50)])
        assert [line["y"] for line in found] == [[float(n)] for n in range(50)]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"runs": ["r1"]},
        {"runs": "r1", "keys": ["a"]},
        {"runs": ["r1"], "keys": ["a"], "stream": "all"},
        {"runs": ["r1"], "keys": ["a"], "min": "low"},
        {"runs": [f"r{n}" for n in range(1000)], "keys": [f"k{n}" for n in range(1000)]},
        [],
    ],
)
def test_what_is_no_question_is_refused(site: Site, body: Any) -> None:
    site.sync(journal_of([{"a": 1.0}]))
    answer = site.ask("POST", "/api/v1/projects/team/digits/lines", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
