"""`run.summary` and `define_metric`: what is left of each metric, in memory, journal and file."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from client.reading import only, read
from hypothesis import given, settings
from hypothesis import strategies as st

import holdfast
from holdfast.errors import UsageError

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}


def begin() -> holdfast.Run:
    return holdfast.init(settings=QUIET)


def shown(summary: Any) -> dict[str, Any]:
    return {key: value for key, value in dict(summary).items() if not key.startswith("_")}


def test_the_last_value_counts(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1, "b": 2})
    run.log({"a": 3})
    run.log({"deep": {"x": 1}})
    run.log({"deep": {"y": 2}}, step=9)
    run.log({"c": None, "text": "t", "list": [1]}, step=10)
    run.finish()
    expected = {"a": 3, "b": 2, "deep": {"x": 1, "y": 2}, "c": None, "text": "t", "list": [1]}
    assert shown(run.summary.as_dict()) == expected
    assert run.summary["_step"] == 10
    replay = read(tmp_path).replay
    assert shown(replay.summary) == expected
    assert replay.summary["_step"] == 10
    assert replay.summary["_wandb"]["runtime"] >= 0
    told = json.loads((only(tmp_path).files / "wandb-summary.json").read_text())
    assert shown(told) == expected


@settings(max_examples=60, deadline=None)
@given(
    calls=st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("ab"), st.integers(0, 99), min_size=1),
            st.sampled_from(["log", "log", "step", "open", "look"]),
        ),
        min_size=4,
    )
)
def test_rows_of_any_keys_in_any_order(calls: list[tuple[dict[str, Any], str]]) -> None:
    """Rows of numbers are told to the summary late: what was logged last counts all the same."""
    with tempfile.TemporaryDirectory() as folder:
        run = holdfast.init(dir=folder, settings=QUIET)
        expected: dict[str, Any] = {}
        waiting: dict[str, Any] = {}
        for row, how in calls:
            data = dict(row)
            if how == "step":  # one higher: the open row is closed first
                expected |= waiting
                waiting = dict(row)
                run.log(data, step=run.step + 1)
            elif how == "open":
                waiting |= row
                run.log(data, commit=False)
            else:
                expected |= waiting | row
                waiting = {}
                run.log(data)
            data.clear()  # the caller's dict is the caller's
            if how == "look":
                assert shown(run.summary.as_dict()) == expected
        run.finish()
        assert shown(run.summary.as_dict()) == expected | waiting
        assert shown(read(Path(folder)).replay.summary) == expected | waiting


def test_setting_values(tmp_path: Path) -> None:
    run = begin()
    run.log({"acc": 0.5})
    run.summary["acc"] = 0.9
    run.summary.best = 0.95
    run.summary.update({"x": 1, "deep": {"a": {"b": 1}}})
    run.summary["deep"]["a"]["c"] = 2
    run.summary.deep.a.d = 3
    # explicit values are in the journal at once
    assert shown(read(tmp_path).replay.summary) == shown(run.summary.as_dict())
    assert run.summary.acc == 0.9
    assert run.summary.get("missing") is None
    assert "best" in run.summary
    del run.summary["x"]
    del run.summary.deep.a.b
    with pytest.raises(AttributeError, match="no value 'missing'"):
        _ = run.summary.missing
    with pytest.raises(KeyError):
        del run.summary["missing"]
    run.log({"acc": 0.6})
    run.finish()
    expected = {"acc": 0.6, "best": 0.95, "deep": {"a": {"c": 2, "d": 3}}}
    assert shown(run.summary.as_dict()) == expected
    assert shown(read(tmp_path).replay.summary) == expected


def test_the_beat_writes_what_changed(tmp_path: Path) -> None:
    run = holdfast.init(settings={**QUIET, "summary_interval": 1000})
    recorder = run._recorder
    run.log({"a": 1, "nan": math.nan, "deep": {"x": [1]}})
    assert recorder.write_summary()
    assert not recorder.write_summary()
    assert read(tmp_path).kinds.count("summary") == 1
    run.log({"deep": {"x": [2]}})
    assert recorder.write_summary()
    assert read(tmp_path).replay.summary["deep"] == {"x": [2]}


@pytest.mark.parametrize(
    ("summary", "goal", "expected"),
    [
        ("min", None, {"min": 1}),
        ("max", None, {"max": 5}),
        ("mean", None, {"mean": 3}),
        ("first", None, {"first": 5}),
        ("last", None, {"last": 3}),
        ("min,max", None, {"min": 1, "max": 5}),
        ("best", "maximize", {"best": 5}),
        ("best", "min", {"best": 1}),
        ("copy", None, 3),
        (None, None, 3),
    ],
)
def test_aggregates(tmp_path: Path, summary: str, goal: str, expected: Any) -> None:
    run = begin()
    run.define_metric("a", summary=summary, goal=goal)
    for value in (5, 1, math.nan, 3):
        run.log({"a": value, "b": value})
    assert run.summary.as_dict()["a"] == expected
    assert run.summary["b"] == 3
    run.finish()
    written = read(tmp_path).replay.summary
    assert written["a"] == expected
    assert written["b"] == 3


def test_no_summary(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1})
    run.define_metric("a", summary="none")
    run.log({"a": 2})
    run.finish()
    assert "a" not in run.summary


def test_globs_and_nested_names() -> None:
    run = begin()
    run.define_metric("val/*", summary="max")
    run.define_metric("deep.loss", summary="min")
    for value in (1, 3, 2):
        run.log({"val/acc": value, "deep": {"loss": value, "other": value}})
    assert run.summary.as_dict()["val/acc"] == {"max": 3}
    assert run.summary.as_dict()["deep"] == {"loss": {"min": 1}, "other": 2}


def test_step_metrics_are_added_to_rows(tmp_path: Path) -> None:
    run = begin()
    run.define_metric("epoch")
    run.define_metric("val/*", step_metric="epoch")
    run.define_metric("other", step_metric="epoch", step_sync=False)
    run.log({"epoch": 3})
    run.log({"val/acc": 1})
    run.log({"other": 1})
    run.log({"val/acc": 2, "epoch": 4})
    run.finish()
    assert read(tmp_path).values("epoch") == [3, 3, None, 4]
    metrics = read(tmp_path).replay.metrics
    assert metrics["val/*"].glob
    assert metrics["val/*"].step_metric == "epoch"
    assert metrics["val/*"].step_sync
    assert not metrics["other"].step_sync


def test_a_definition_while_a_row_is_open(tmp_path: Path) -> None:
    run = begin()
    run.log({"epoch": 7})
    run.log({"val": 2}, step=5)
    run.define_metric("val", step_metric="epoch", summary="max")
    run.finish()
    assert [(row["_step"], row["val"], row["epoch"]) for row in read(tmp_path).rows[1:]] == [
        (5, 2, 7)
    ]
    assert run.summary.as_dict()["val"] == {"max": 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "as a name"),
        ({"name": "a*b"}, "one '\\*', at its end"),
        ({"name": "a", "summary": "median"}, "summary 'median' is unknown"),
        ({"name": "a", "goal": "up"}, "goal 'up' is unknown"),
    ],
)
def test_bad_definitions(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        begin().define_metric(**arguments)
