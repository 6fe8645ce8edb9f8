"""What records add up to: the same in one pass and at any cut, in any order of records."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records.reading import rows_of, same
from records.values_made import deep, keys, values

from holdfast.records import encode
from holdfast.records.definitions import MetricDef
from holdfast.records.encode import HistoryEncoder, RunInfo, StreamCounts
from holdfast.records.replay import Replay
from holdfast.records.schema import Record
from holdfast.records.values import dumps, loads

ROW = HistoryEncoder().encode
OPEN = HistoryEncoder().encode_open


def replayed(*payloads: bytes) -> Replay:
    replay = Replay()
    replay.apply(payloads)
    return replay


def state(replay: Replay) -> dict[str, Any]:
    made: dict[str, Any] = loads(replay.to_json())
    return made


def logged(rows: list[dict[str, Any]]) -> list[bytes]:
    return [ROW(row, step) for step, row in enumerate(rows)]


def defined(name: str, *summary: str, **more: Any) -> bytes:
    definition = MetricDef(name, glob=name.endswith("*"), summary=summary)._replace(**more)
    return encode.metric(definition)


# cuts


_rules = st.sampled_from(["min", "max", "mean", "best", "last", "none", "copy", "first"])
_names = st.sampled_from(["loss", "acc", "n", "n.x", "n.y.z", "n*", "lo*"])
_row_values = st.one_of(
    st.sampled_from([0.1, 1, 3, -2.5, math.nan, math.inf, -math.inf, 1e308, 10**400, "text", None]),
    st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from([1, 2.5, {"z": 3}]), max_size=2),
    st.just({"_type": "image-file", "path": "a.png"}),
    st.lists(st.integers(), max_size=2),
)
_rows = st.dictionaries(st.sampled_from(["loss", "acc", "n"]), _row_values, max_size=3)
_summaries = st.dictionaries(st.sampled_from(["loss", "own", "n"]), _row_values, max_size=2)


_goals = st.sampled_from(["", "minimize", "maximize"])
_removed = st.lists(st.sampled_from(["loss", "own"]), max_size=1)
_broken = st.sampled_from([b"\x12\x05\x0a\x09oops", b"\x1a\x05\x0a\x09oops", b"??"])


@st.composite
def _journals(draw: st.DrawFn) -> list[bytes]:
    """Records of any kinds in any order; steps grow."""
    payloads = [encode.run(RunInfo("4k2j9x0a"), {"lr": 0.1})]
    kinds = ["row"] * 5 + ["open", "metric", "summary", "config", "exit", "broken", "other"]
    for step, kind in enumerate(draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=25))):
        payloads.append(_record(draw, kind, step // 2))
    return payloads


def _record(draw: st.DrawFn, kind: str, step: int) -> bytes:
    if kind == "row":
        return ROW(draw(_rows), step)
    if kind == "open":
        return OPEN(draw(_rows), step)
    if kind == "metric":
        summary = draw(st.lists(_rules, max_size=2))
        return defined(draw(_names), *summary, goal=draw(_goals))
    if kind == "summary":
        return encode.summary(draw(_summaries), draw(_removed))
    if kind == "config":
        return encode.config(draw(_summaries), draw(_removed))
    if kind == "exit":
        return encode.exit_record(draw(st.integers(0, 3)), 5)
    others = [
        encode.stats({"cpu": 5.0}, 1.0),
        encode.files(["a.txt"], "live"),
        encode.telemetry("3.11", "0.1"),
        encode.environment({"os": "Linux", "host": "node7"}),
        encode.output("stdout", "hello\n", 1.0),
    ]
    return draw(_broken if kind == "broken" else st.sampled_from(others))


@given(payloads=_journals(), cuts=st.sets(st.integers(0, 26)))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_pass_and_any_cuts_give_the_same(payloads: list[bytes], cuts: set[int]) -> None:
    whole = Replay()
    rows = rows_of(whole.apply(payloads).rows)
    replay = Replay()
    in_parts = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(payloads)), len(payloads)]
    for begin, end in itertools.pairwise(edges):
        replay = Replay.from_json(replay.to_json())
        in_parts += rows_of(replay.apply(payloads[begin:end]).rows)
    assert same(state(whole), state(replay))
    assert same([list(row) for row in rows], [list(row) for row in in_parts])


@given(rows=st.lists(st.dictionaries(keys, values, max_size=3), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_pass(rows: list[dict[str, Any]]) -> None:
    payloads = [defined("*", "min", "max", "mean", "last"), *logged(rows), OPEN({"a": 1}, 9)]
    replay = replayed(*payloads)
    again = Replay.from_json(replay.to_json())
    assert same(state(replay), state(again))


def test_the_state_keeps_its_types() -> None:
    replay = replayed(
        encode.run(RunInfo("a", tags=("x", "y"))), defined("loss", "min"), *logged([{"loss": 1}])
    )
    again = Replay.from_json(replay.to_json())
    assert again.run == replay.run
    assert again.metrics == replay.metrics
    assert again.records == replay.records
    assert again.records["history"] == 1
    assert again.records["never"] == 0


# rows and the summary


def test_the_summary_has_the_last_values() -> None:
    replay = replayed(*logged([{"a": 1, "b": "x"}, {"a": 2}, {"c": [1]}]))
    assert replay.summary == {"_step": 2, "a": 2, "b": "x", "c": [1]}
    assert (replay.rows, replay.last_step) == (3, 2)


def test_nested_values_are_merged_leaf_by_leaf() -> None:
    replay = replayed(*logged([{"a": {"x": 1, "y": {"z": 2}}}, {"a": {"x": 3}}, {"a": {"w": {}}}]))
    assert replay.summary["a"] == {"x": 3, "y": {"z": 2}, "w": {}}


def test_media_are_replaced_whole() -> None:
    first, second = {"_type": "image-file", "path": "1", "size": 5}, {"_type": "table", "n": 1}
    assert replayed(*logged([{"a": first}, {"a": second}])).summary["a"] == second
    assert replayed(*logged([{"a": first}, {"a": {"x": 1}}])).summary["a"] == {"x": 1}


def test_a_summary_record_counts_where_it_stands() -> None:
    rows = logged([{"a": 1}, {"a": 2}, {"a": 3}])
    assert replayed(*rows[:2], encode.summary({"a": 9}), rows[2]).summary["a"] == 3
    assert replayed(*rows, encode.summary({"a": 9})).summary["a"] == 9
    assert replayed(*rows, encode.summary({}, ["a"])).summary == {"_step": 2}


def test_rows_are_not_cut_into_batches_by_summaries() -> None:
    """Real wandb writes two summary records before each row."""
    replay = Replay()
    payloads = []
    for step in range(50):
        payloads += [encode.summary({"_runtime": step}), encode.summary({"a": step})]
        payloads.append(ROW({"a": step, "text": "x"}, step))
    applied = replay.apply(payloads)
    assert [len(batch.steps) for batch in applied.rows] == [50]
    assert (replay.summary["a"], replay.summary["_runtime"]) == (49, 49)


def test_summaries_keep_their_place_beside_rows_that_cannot_be_parsed() -> None:
    bad = b"\x12\x05\x0a\x09oops"
    rows = logged([{"a": 1}, {"a": 2}])
    replay = replayed(bad, rows[0], encode.summary({"a": 9}), bad, rows[1], bad)
    assert replay.summary["a"] == 2
    replay = replayed(bad, rows[0], bad, rows[1], encode.summary({"a": 9}), bad)
    assert replay.summary["a"] == 9
    assert (replay.rows, replay.unreadable, replay.records["history"]) == (2, 3, 5)


def test_rows_of_clients_that_name_no_step_follow_each_other() -> None:
    def row(value: int, step: int | None = None) -> bytes:
        made = Record()
        made.history.item.add(key="a", value_json=str(value))
        if step is not None:
            made.history.item.add(key="_step", value_json=str(step))
        return bytes(made.SerializeToString())

    replay = Replay()
    applied = replay.apply([row(0), row(1), row(2, step=7), row(3)])
    assert [step for step, _ in rows_of(applied.rows)] == [0, 1, 7, 8]
    applied = replay.apply([row(4)])
    assert [step for step, _ in rows_of(applied.rows)] == [9]


VALUES = [3.0, 1.0, math.nan, 2, "text", True, None]


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        (("min",), {"min": 1.0}),
        (("max",), {"max": 3.0}),
        (("mean",), {"mean": 2.0}),
        (("first",), {"first": 3.0}),
        (("last",), {"last": None}),
        (("best",), {"best": 1.0}),
        (("min", "max", "mean"), {"min": 1.0, "max": 3.0, "mean": 2.0}),
        (("copy",), None),
        (("copy", "min"), None),
    ],
)
def test_aggregates(definition: tuple[str, ...], wanted: Any) -> None:
    replay = replayed(defined("loss", *definition), *logged([{"loss": v} for v in VALUES]))
    assert replay.summary["loss"] == wanted


@pytest.mark.parametrize(("goal", "best"), [("", 1), ("minimize", 1), ("maximize", 3)])
def test_best_goes_by_the_goal(goal: str, best: int) -> None:
    rows = logged([{"a": 2}, {"a": 1}, {"a": 3}, {"a": 2}])
    assert replayed(defined("a", "best", goal=goal), *rows).summary["a"] == {"best": best}


def test_none_keeps_a_metric_out_of_the_summary() -> None:
    assert "a" not in replayed(defined("a", "none"), *logged([{"a": 1}])).summary
    assert "a" not in replayed(*logged([{"a": 1}]), defined("a", "none"), ROW({"a": 2}, 1)).summary


def test_a_metric_with_no_number_yet_has_no_aggregate() -> None:
    assert "a" not in replayed(defined("a", "min"), *logged([{"a": math.nan}])).summary


def test_numbers_that_other_numbers_cannot_stand_beside() -> None:
    rows = logged([{"a": 10**400}, {"a": math.inf}, {"a": -math.inf}, {"a": 1e308}, {"a": 1e308}])
    found = replayed(defined("a", "min", "max", "mean"), *rows).summary["a"]
    assert (found["min"], found["max"]) == (-math.inf, math.inf)
    assert math.isnan(found["mean"])


def test_a_definition_counts_from_where_it_stands() -> None:
    rows = logged([{"a": 1}, {"a": 5}, {"a": 3}])
    assert replayed(rows[0], defined("a", "min"), *rows[1:]).summary["a"] == {"min": 3}
    assert replayed(*rows, defined("a", "min")).summary["a"] == 3


def test_a_later_definition_adds_unless_it_overwrites() -> None:
    both = replayed(defined("a", "min", step_metric="epoch"), defined("a", "max", hidden=True))
    assert both.metrics["a"] == MetricDef("a", step_metric="epoch", hidden=True, summary=("max",))
    one = replayed(defined("a", "min", step_metric="epoch"), defined("a", "max", overwrite=True))
    assert one.metrics["a"] == MetricDef("a", summary=("max",))


def test_globs() -> None:
    rows = logged([{"val/a": 2, "val": 1, "train": 5, "_own": 1}, {"val/a": 3, "_own": 2}])
    found = replayed(defined("val/*", "min"), *rows).summary
    assert found == {"_step": 1, "val/a": {"min": 2}, "val": 1, "train": 5, "_own": 2}
    # all metrics, but not what clients add
    assert replayed(defined("*", "max"), *rows).summary["_own"] == 2
    # its own definition goes before the first glob that matches
    found = replayed(defined("val/*", "min"), defined("val/a", "max"), *rows).summary
    assert found["val/a"] == {"max": 3}
    # the characters of other globs are only characters
    assert replayed(defined("a[0]*", "max"), *logged([{"a[0]x": 1}])).summary["a[0]x"] == {"max": 1}


def test_definitions_of_nested_metrics() -> None:
    rows = logged([{"a": {"b": 3, "c": 1}}, {"a": {"b": 1}}, {"a": {"b": 2}}])
    assert replayed(defined("a.b", "min"), *rows).summary["a"] == {"b": {"min": 1}, "c": 1}
    assert replayed(defined("a.*", "max"), *rows).summary["a"] == {"b": {"max": 3}, "c": {"max": 1}}


def test_the_summary_shares_nothing_with_rows() -> None:
    replay = Replay()
    applied = replay.apply([ROW({"a": [1], "m": {"_type": "x", "l": []}}, 0)])
    replay.apply([encode.summary({"other": 1})])
    replay.summary["a"].append(2)
    replay.summary["m"]["l"].append(2)
    assert rows_of(applied.rows) == [(0, {"a": [1], "m": {"_type": "x", "l": []}})]


# the open row


def test_an_open_row_is_kept_after_a_kill() -> None:
    replay = replayed(ROW({"a": 1}, 0), OPEN({"a": 2, "b": {"c": 1}}, 1))
    assert replay.open_row == {"a": 2, "b": {"c": 1}, "_step": 1}
    assert (replay.rows, replay.last_step) == (1, 0)


def test_partial_calls_of_one_step_are_one_row() -> None:
    replay = replayed(OPEN({"a": 1, "b": 1}, 4), OPEN({"b": 2}, 4), OPEN({"c": {"d": 3}}, 4))
    assert replay.open_row == {"a": 1, "b": 2, "c": {"d": 3}, "_step": 4}


def test_a_closed_row_ends_the_open_one() -> None:
    rows = [OPEN({"a": 1}, 0), ROW({"a": 1, "b": 2}, 0)]
    for replay in (replayed(*rows), _in_parts(*rows)):
        assert replay.open_row is None
        assert replay.rows == 1


def test_the_open_row_of_a_later_step_takes_the_place() -> None:
    rows = [OPEN({"a": 1}, 0), ROW({"a": 1}, 0), OPEN({"b": 2}, 1)]
    assert replayed(*rows).open_row == _in_parts(*rows).open_row == {"b": 2, "_step": 1}
    assert replayed(OPEN({"a": 1}, 0), OPEN({"b": 2}, 1)).open_row == {"b": 2, "_step": 1}


def test_other_records_leave_the_open_row_alone() -> None:
    rest = [encode.summary({"s": 1}), encode.telemetry("3", "1"), encode.exit_record(0, 1)]
    assert replayed(OPEN({"a": 1}, 0), *rest).open_row == {"a": 1, "_step": 0}


def _in_parts(*payloads: bytes) -> Replay:
    replay = Replay()
    for payload in payloads:
        replay.apply([payload])
    return replay


# the other records


def test_what_stands_after_exit_counts() -> None:
    """Logs of 0.12 to 0.17 keep their summary and last row there."""
    replay = replayed(
        *logged([{"a": 1}]), encode.exit_record(3, 60), ROW({"a": 2}, 1), encode.summary({"s": 5})
    )
    assert (replay.exit_code, replay.runtime, replay.complete) == (3, 60, True)
    assert replay.summary == {"_step": 1, "a": 2, "s": 5}
    assert replay.rows == 2


def test_without_an_exit_it_is_not_complete() -> None:
    replay = replayed(*logged([{"a": 1}]))
    assert (replay.exit_code, replay.runtime, replay.complete) == (None, None, False)


def test_the_client_says_its_version_whatever_follows() -> None:
    for replay in (
        replayed(encode.telemetry("3.11", "0.1.0"), ROW({"a": 1}, 0)),
        _in_parts(encode.telemetry("3.11", "0.1.0"), ROW({"a": 1}, 0)),
    ):
        assert replay.client == {"cli_version": "0.1.0"}


def test_config() -> None:
    replay = replayed(
        encode.run(RunInfo("a"), {"lr": 0.1, "net": {"depth": 3}, "_wandb": {"t": {"1": [5]}}}),
        encode.config({"net": {"width": 5}, "new": None}, ["lr", "missing"]),
    )
    assert replay.config == {"net": {"width": 5}, "new": None}
    assert replay.client == {"t": {"1": [5]}}


def test_config_of_clients_that_name_paths() -> None:
    made = Record()
    made.config.update.add(nested_key=["a", "b"], value_json="1")
    made.config.update.add(nested_key=["a", "c"], value_json="2")
    removed = Record()
    removed.config.remove.add(nested_key=["a", "b"])
    removed.config.remove.add(nested_key=["x", "y"])
    replay = replayed(made.SerializeToString(), removed.SerializeToString())
    assert replay.config == {"a": {"c": 2}}


def test_a_later_run_record_changes_what_it_names() -> None:
    first = RunInfo("a", project="p", name="one", tags=("x",), start_time=5.0)
    replay = replayed(encode.run(first), encode.run(RunInfo("a", name="two", tags=("y", "z"))))
    assert replay.run == first._replace(name="two", tags=("y", "z"))


def test_what_a_run_record_clears_is_empty_until_said_again() -> None:
    said = RunInfo("r1", name="n", notes="x", tags=("a",))
    replay = Replay()
    replay.apply([encode.run(said), encode.run(RunInfo("r1"), cleared=["notes", "tags", "host"])])
    assert replay.run == said._replace(notes="", tags=())
    assert replay.cleared == ["notes", "tags"]
    replay.apply([encode.run(RunInfo("r1", notes="again"))])
    assert replay.run.notes == "again"
    assert replay.cleared == ["tags"]


def test_what_was_removed_is_known_until_it_is_set_again() -> None:
    replay = Replay()
    replay.apply([encode.config({"b": 1}, remove=["a", "c"]), encode.summary({}, remove=["x"])])
    assert replay.removed == {"config": ["a", "c"], "summary": ["x"]}
    replay.apply([encode.config({"c": 2})])
    assert replay.removed == {"config": ["a"], "summary": ["x"]}


def test_a_server_says_what_its_journal_is_for() -> None:
    replay = Replay()
    replay.apply([encode.header("holdfast")])
    assert replay.role == ""
    replay.apply([encode.header("holdfast", role="edits")])
    assert replay.role == "edits"


@pytest.mark.parametrize("number", [1, 8002, 8010, 8002 << 7, 2**53])  # 8002 looks like a tag
def test_counts_of_streams(number: int) -> None:
    replay = Replay()
    counts = StreamCounts(number, number + 1, number + 2, "a1b2c3e" * 100)
    row = HistoryEncoder().encode({"a": 1}, 0)
    replay.apply([encode.stream_counts(counts), row, encode.telemetry("3.11", "0.31.0")])
    replay.apply([encode.stream_counts(counts._replace(client="b"))])
    assert replay.counts == {"": counts, "b": counts._replace(client="b")}
    assert replay.open_row is None
    assert Replay.from_json(replay.to_json()).counts == replay.counts


def test_metadata_of_several_records_is_one() -> None:
    replay = replayed(
        encode.run(RunInfo("a", git_remote="r")),
        encode.environment({"os": "Linux", "git": {"commit": "c"}, "args": ["-x"]}),
        encode.environment({"gpu_count": 2, "memory": {"total": 5}, "started_at": 1.5}),
    )
    assert replay.metadata == {
        "git": {"remote": "r", "commit": "c"},
        "os": "Linux",
        "args": ["-x"],
        "gpu_count": 2,
        "memory": {"total": 5},
        "started_at": 1.5,
    }


def test_console_text_of_every_age() -> None:
    def made(name: str, **fields: Any) -> bytes:
        record = Record()
        for field, value in fields.items():
            setattr(getattr(record, name), field, value)
        return bytes(record.SerializeToString())

    applied = Replay().apply(
        [
            encode.output("stdout", "a", 1.5),
            encode.output("stderr", "b", 2.0, "rank_1"),
            made("output", output_type=1, line="old"),
            made("output_logger", line="logger"),
        ]
    )
    assert [tuple(text) for text in applied.console] == [
        (1.5, "stdout", "a", ""),
        (2.0, "stderr", "b", "rank_1"),
        (0.0, "stdout", "old", ""),
        (0.0, "stdout", "logger", ""),
    ]


def test_system_metrics() -> None:
    [stat] = Replay().apply([encode.stats({"cpu": 5.5, "gpu": {"0": 3}}, 10.25)]).stats  # type: ignore[dict-item]
    assert stat == (10.25, {"cpu": 5.5, "gpu.0": 3})


def test_files_preempting_and_counts() -> None:
    replay = replayed(
        encode.files(["a", "b"], "end"), encode.files(["b"], "live"), encode.preempting(), b"??"
    )
    assert replay.files == {"a": "end", "b": "live"}
    assert replay.preempting
    assert replay.records == {"files": 2, "preempting": 1, "unknown": 1}


def test_records_that_cannot_be_parsed_are_counted_and_passed_over() -> None:
    replay = replayed(b"\x1a\x05\x0a\x09oops", b"\x2a\x05\x0a\x09oops", *logged([{"a": 1}]))
    assert replay.unreadable == 2
    assert replay.summary["a"] == 1


def test_values_made_to_break_readers() -> None:
    row, path = Record(), Record()
    row.history.item.add(key="deep", value_json="[" * 100_000)
    row.history.item.add(key="nested", value_json=dumps(deep(900)))
    path.history.item.add(nested_key=["a"] * 5000, value_json="1")
    path.summary.update.add(nested_key=["b"] * 5000, value_json="1")
    replay = replayed(row.SerializeToString(), path.SerializeToString())
    again = Replay.from_json(replay.to_json())
    assert again.summary["deep"] == "[" * 100_000
    assert again.summary["nested"] == dumps(deep(900))
