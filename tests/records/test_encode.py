"""What the hand-written encoder says, read by protobuf: the same, for every record and value."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from records.reading import same
from records.values_made import ODD, Colour, Raises, keys, texts, values

from holdfast.records import encode
from holdfast.records.decode import add_runtime, history_row, kind, parse
from holdfast.records.definitions import MetricDef
from holdfast.records.encode import HistoryEncoder, RunInfo
from holdfast.records.plain_rows import PlainRows
from holdfast.records.values import loads


def body(payload: bytes, name: str) -> Any:
    assert kind(payload) == name
    record = parse(payload)
    assert record.WhichOneof("record_type") == name
    return getattr(record, name)


def items(found: Any) -> dict[str, Any]:
    return {item.key: loads(item.value_json) for item in found}


def normal(value: Any) -> Any:
    """A value as rows give it back: an inner key with a lone surrogate is written as an escape."""
    if isinstance(value, dict):
        return {
            key.encode("utf-8", "backslashreplace").decode(): normal(inner)
            for key, inner in value.items()
        }
    return value


rows = st.dictionaries(keys, values, max_size=5)
steps = st.one_of(
    st.sampled_from([0, 1, 127, 128, 2**31, 2**53, 2**63 - 1, -1, -(2**63)]), st.integers(0, 10**6)
)


@given(row=rows, step=steps)
@example(row={"a": {"b": {"c": 1}}, "x" * 200: 1.5, "y" * 20_000: 2}, step=5)
@example(row={"a": "x" * 200_000}, step=0)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_rows(row: dict[str, Any], step: int) -> None:
    payload = HistoryEncoder().encode(row, step)
    found = history_row(body(payload, "history"))
    assert found.pop("_step") == step
    assert same(normal(row), found)


@given(rows_of_a_run=st.lists(rows, max_size=4))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_an_encoder_is_used_for_a_whole_run(rows_of_a_run: list[dict[str, Any]]) -> None:
    encoder = HistoryEncoder()
    for step, row in enumerate(rows_of_a_run):
        assert encoder.encode(row, step) == HistoryEncoder().encode(row, step)


@pytest.mark.parametrize("name", ODD)
def test_odd_values_never_lose_the_row(name: str) -> None:
    value, wanted = ODD[name]
    payload = HistoryEncoder().encode({"before": 1, "odd": value, "after": 2}, 7)
    row = history_row(body(payload, "history"))
    assert (row["before"], row["after"], row["_step"]) == (1, 2, 7)
    if wanted is not None:
        assert same(wanted, row["odd"])
    assert "odd" in row
    assert body(encode.config({"odd": value, "after": 2}), "config")
    assert body(encode.summary({"odd": value, "after": 2}), "summary")


def test_a_cycle_costs_one_turn() -> None:
    payload = HistoryEncoder().encode({"odd": ODD["a cycle"][0]}, 0)
    assert len(payload) < 1000


@pytest.mark.parametrize(("key", "text"), [(1, "1"), (Colour.RED, "red"), (None, "None")])
def test_keys_that_are_no_strings(key: Any, text: str) -> None:
    encoder = HistoryEncoder()
    encoder.encode({True: 0, "red": 0}, 0)  # equal keys that are written in another way
    row = history_row(body(encoder.encode({key: 1, "in": {key: 2}}, 0), "history"))
    assert row == {text: 1, "in": {text: 2}, "_step": 0}
    assert items(body(encode.config({key: 1}), "config").update) == {text: 1}


def test_a_key_that_raises() -> None:
    row = history_row(body(HistoryEncoder().encode({Raises(): 1, "a": 2}, 0), "history"))
    assert row == {"<Raises: RuntimeError>": 1, "a": 2, "_step": 0}


_plain = st.dictionaries(
    st.sampled_from(["loss", "train/acc", "ключ", "", "x" * 80]),
    st.one_of(st.floats(), st.integers(-(10**40), 10**40)),
    max_size=5,
)


@given(
    many=st.lists(_plain, max_size=5),
    step=st.one_of(st.integers(0, 300), st.integers(0, 2**62)),
    now=st.integers(1000, 10**13),
    runtime=st.integers(0, 10**10),
    apart=st.integers(-3000, 3000),
)
@settings(max_examples=300, deadline=None)
def test_the_fast_road_says_what_the_slow_one_says(
    many: list[dict[str, Any]], step: int, now: int, runtime: int, apart: int
) -> None:
    since = now - runtime or 1
    fast = PlainRows(since)
    for number, row in enumerate(many):
        now = max(now + apart, 1000)
        payload = fast.encode(row, step + number, now)
        if payload is None:
            continue
        found = add_runtime(history_row(body(payload, "history")), since)
        times = {"_timestamp": now / 1000, "_runtime": max(now - since, 0) / 1000}
        assert same({**row, **times, "_step": step + number}, found)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"a": math.nan},
        {"a": math.inf, "b": -math.inf},
        {"a": True},
        {"a": "text"},
        {"a": None},
        {1: 2},
        {"_step": 1},
        {"_timestamp": 1.0},
        {"a": 10**400},
        {"a": {"b": 1}},
    ],
)
def test_the_fast_road_hands_back_what_is_not_plain(row: dict[Any, Any]) -> None:
    fast = PlainRows(1)
    assert fast.encode(row, 0, 1000) is None
    assert fast.encode({"a": 1.5}, 0, 1000) is not None
    assert fast.encode(row, 0, 1000) is None


def test_an_open_row_rides_on_telemetry() -> None:
    payload = HistoryEncoder().encode_open({"a": {"b": 1}}, 9)
    telemetry = body(payload, "telemetry")
    assert history_row(telemetry.open_row) == {"a": {"b": 1}, "_step": 9}
    # a reader that does not know the field finds an empty record
    for field in ("python_version", "cli_version", "core_version"):
        assert getattr(telemetry, field) == ""


def test_header() -> None:
    found = body(encode.header("holdfast-1", host="node7", pid=4711, boot_id="b00t"), "header")
    assert found.version_info.producer == "holdfast-1"
    assert found.version_info.min_consumer == "0.40.0"
    assert (found.writer.host, found.writer.pid, found.writer.boot_id) == ("node7", 4711, "b00t")


def test_run() -> None:
    info = RunInfo(
        run_id="4k2j9x0a",
        entity="team",
        project="digits",
        name="näme",
        notes="two\nlines",
        tags=("a", "", "ü"),
        group="g",
        job_type="train",
        start_time=1.7e9 + 0.25,
        host="node7",
        git_remote="git@host:x",
        git_commit="abc",
        resumed=True,
        starting_step=90,
        sweep_id="s1",
    )
    found = body(encode.run(info, {"lr": 0.1, "net": {"depth": 3}}), "run")
    assert (found.run_id, found.entity, found.project) == ("4k2j9x0a", "team", "digits")
    assert (found.display_name, found.notes, list(found.tags)) == (
        "näme",
        "two\nlines",
        ["a", "", "ü"],
    )
    assert (found.run_group, found.job_type, found.host) == ("g", "train", "node7")
    assert (found.start_time.seconds, found.start_time.nanos) == (1_700_000_000, 250_000_000)
    assert (found.git.remote_url, found.git.commit) == ("git@host:x", "abc")
    assert (found.resumed, found.starting_step, found.sweep_id) == (True, 90, "s1")
    assert items(found.config.update) == {"lr": 0.1, "net": {"depth": 3}}


def test_a_run_of_which_little_is_known() -> None:
    found = body(encode.run(RunInfo("a")), "run")
    assert found.run_id == "a"
    assert not found.HasField("config")
    assert not found.HasField("git")


@given(update=st.dictionaries(texts, values, max_size=4))
@settings(max_examples=100, deadline=None)
def test_config_and_summary(update: dict[str, Any]) -> None:
    wanted = {key.encode("utf-8", "backslashreplace").decode(): v for key, v in update.items()}
    for write, name in ((encode.config, "config"), (encode.summary, "summary")):
        found = body(write(update, ["gone", "ü"]), name)
        assert same(wanted, items(found.update))
        assert [item.key for item in found.remove] == ["gone", "ü"]


@pytest.mark.parametrize(("stream", "number"), [("stderr", 0), ("stdout", 1)])
def test_output(stream: str, number: int) -> None:
    found = body(encode.output(stream, "a\r\x1b[31m\udc80", 12.5), "output_raw")
    assert found.output_type == number
    assert found.line == "a\r\x1b[31m\\udc80"
    assert (found.timestamp.seconds, found.timestamp.nanos) == (12, 500_000_000)
    assert found.label == ""
    assert body(encode.output(stream, "a", 12.5, "rank_3"), "output_raw").label == "rank_3"


@given(st.floats(-1e11, 1e11))
def test_times(seconds: float) -> None:
    stamp = body(encode.stats({}, seconds), "stats").timestamp
    assert 0 <= stamp.nanos < 10**9
    assert math.isclose(stamp.seconds + stamp.nanos / 1e9, seconds, rel_tol=1e-12, abs_tol=2e-9)


def test_stats() -> None:
    found = body(encode.stats({"cpu": 12.5, "gpu.0.memory": 3}, 5.0), "stats")
    assert items(found.item) == {"cpu": 12.5, "gpu.0.memory": 3}


def test_metric() -> None:
    found = body(
        encode.metric(
            MetricDef(
                "loss", False, "epoch", True, True, ("min", "best", "first"), "minimize", True
            )
        ),
        "metric",
    )
    assert (found.name, found.glob_name, found.step_metric) == ("loss", "", "epoch")
    assert (found.options.step_sync, found.options.hidden, found.options.defined) == (True,) * 3
    asked = [field.name for field, _ in found.summary.ListFields()]
    assert asked == ["min", "best", "first"]
    assert (found.goal, found.control.overwrite) == (1, True)


def test_metric_by_glob() -> None:
    found = body(encode.metric(MetricDef("val/*", True)), "metric")
    assert (found.name, found.glob_name) == ("", "val/*")
    assert not found.HasField("summary")
    assert not found.HasField("control")


@pytest.mark.parametrize(
    ("definition", "word"),
    [(MetricDef("a", summary=("median",)), "median"), (MetricDef("a", goal="more"), "more")],
)
def test_metric_with_unknown_words(definition: MetricDef, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        encode.metric(definition)


@pytest.mark.parametrize(("policy", "number"), [("now", 0), ("end", 1), ("live", 2)])
def test_files(policy: str, number: int) -> None:
    found = body(encode.files(["a.txt", "media/ü.png"], policy), "files").files
    assert [(item.path, item.policy) for item in found] == [
        ("a.txt", number),
        ("media/ü.png", number),
    ]


def test_telemetry_exit_and_preempting() -> None:
    found = body(encode.telemetry("3.11.7", "0.1.0"), "telemetry")
    assert (found.python_version, found.cli_version) == ("3.11.7", "0.1.0")
    for code in (0, 1, 255, -9):
        found = body(encode.exit_record(code, 3600), "exit")
        assert (found.exit_code, found.runtime) == (code, 3600)
    body(encode.preempting(), "preempting")


def test_environment() -> None:
    info = {
        "os": "Linux",
        "python": "CPython 3.11",
        "started_at": 1.5,
        "args": ["--lr", "0.1"],
        "program": "train.py",
        "git": {"remote": "r", "commit": "c"},
        "host": "node7",
        "cpu_count": 4,
        "cpu_count_logical": 8,
        "gpu_type": "H200",
        "gpu_count": 1,
        "disk": {"/": {"total": 10**12, "used": 5}},
        "memory": {"total": 2**37},
        "gpu_nvidia": [{"name": "H200", "memory_total": 2**37}],
        "slurm": {"job_id": 17},
        "unknown": "left out",
    }
    found = body(encode.environment(info), "environment")
    assert (found.os, found.python, found.program) == ("Linux", "CPython 3.11", "train.py")
    assert (found.started_at.seconds, found.started_at.nanos) == (1, 500_000_000)
    assert list(found.args) == ["--lr", "0.1"]
    assert (found.git.remote_url, found.git.commit) == ("r", "c")
    assert (found.cpu_count, found.cpu_count_logical, found.gpu_count) == (4, 8, 1)
    assert (found.disk["/"].total, found.disk["/"].used) == (10**12, 5)
    assert found.memory.total == 2**37
    assert [(gpu.name, gpu.memory_total) for gpu in found.gpu_nvidia] == [("H200", 2**37)]
    assert dict(found.slurm) == {"job_id": "17"}
    assert body(encode.environment({}), "environment").ByteSize() == 0


def test_step_is_an_item_of_the_row() -> None:
    """The real `wandb sync` (0.31.0) counts rows from 0 when only the field beside them has it."""
    general = encode.HistoryEncoder().encode({"loss": 0.5}, 300)
    plain = PlainRows(999_990).encode({"loss": 0.5}, 300, 1_000_000)
    for payload in (general, plain):
        assert payload is not None
        items = {item.nested_key[0]: item.value_json for item in parse(payload).history.item}
        assert items["_step"] == "300"
