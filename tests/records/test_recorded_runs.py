"""Runs that real wandb versions wrote: every value that was logged is read back.

Where a version wrote something else than what was logged, it stands in `DIFFERENCES`, with why.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from records.reading import Read, read, rows_of, same
from wandb_runs import Fixture, Process, fixtures

from holdfast.journal import Frame, Reader
from holdfast.records.batch import batches
from holdfast.records.decode import kind

ABSENT = "<absent>"
ANY = "<any>"


class Difference(NamedTuple):
    """A value that a client wrote otherwise than it was logged.

    ``first`` and ``last`` are the versions that do so; empty for no limit. A ``step`` of None is
    the config or the summary.
    """

    scenario: str
    step: int | None
    key: str
    wrote: Any
    why: str
    first: str = ""
    last: str = ""


_FLOAT = "an integer beyond 64 bits becomes a float"
_CHART = "a custom chart is a table under another key and an entry in the config"
_NULL = "a NaN is null"
_MERGED = "the summary of nested values keeps the leaves of earlier rows"
_HISTOGRAM = "an array of 100 numbers becomes a histogram"

DIFFERENCES = [
    Difference("weird", 90, "e", [], "an empty string becomes an empty list", last="0.13.11"),
    Difference("weird", None, "e", [], "as above", last="0.13.11"),
    Difference("weird", 140, "d", ABSENT, "an empty dict has no leaves", first="0.19.11"),
    Difference("weird", 180, "", ABSENT, "an empty key is dropped", first="0.19.11"),
    Difference("weird", None, "", ABSENT, "as above", first="0.19.11"),
    Difference("weird", 230, "npnan", None, _NULL, last="0.21.4"),
    Difference("weird", None, "npnan", None, _NULL, last="0.21.4"),
    Difference("weird", None, "nan", None, _NULL),
    Difference("weird", None, "s_nan", None, _NULL),
    Difference("weird", None, "d", ANY, _MERGED, first="0.19.11"),
    Difference("weird", 250, "big_array", ANY, _HISTOGRAM),
    Difference("weird", None, "big_array", ANY, _HISTOGRAM),
    Difference("weird", 320, "set", [1], "a set becomes a list"),
    Difference("weird", None, "set", [1], "a set becomes a list"),
    Difference("media", 13, "plot/line", ABSENT, _CHART),
    Difference("media", None, "plot/line", ABSENT, _CHART),
    Difference("media", 13, "plot/line_table", ANY, _CHART),
    *(
        Difference("bigint", step, "v", float(value), _FLOAT, first="0.19.11")
        for step, value in {
            4: 2**64 - 1,
            6: 10**30,
            8: -(2**63) - 1,
            9: -(10**30),
            10: 2**64 - 1,
            None: 2**64 - 1,
        }.items()
    ),
]
#: rows that a client writes for a call that logged nothing: scenario, step
EMPTY_ROWS = {("weird", 340)}


def _parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _difference(fixture: Fixture, step: int | None, key: str) -> Difference | None:
    for one in DIFFERENCES:
        if (one.scenario, one.step, one.key) != (fixture.scenario, step, key):
            continue
        after = not one.first or _parts(one.first) <= _parts(fixture.version)
        before = not one.last or _parts(fixture.version) <= _parts(one.last)
        if after and before:
            return one
    return None


class Recorded(NamedTuple):
    fixture: Fixture
    process: Process
    read: Read

    @property
    def truth(self) -> dict[str, Any]:
        return self.process.truth

    @property
    def survived(self) -> list[dict[str, Any]]:
        """Rows of the truth up to the last that a killed client wrote."""
        last = self.read.replay.last_step
        assert last is not None
        rows: list[dict[str, Any]] = self.truth["history"]["rows"]
        whole = self.truth["exit"]["kind"] != "sigkill"
        return [row for row in rows if whole or row["step"] <= last]

    def wrong(self, step: int | None, logged: dict[str, Any], found: dict[str, Any]) -> list[str]:
        """What is not as it was logged, nor as this version is known to write it."""
        lines = []
        for key in logged.keys() | found.keys():
            wanted, value = logged.get(key, ABSENT), found.get(key, ABSENT)
            known = _difference(self.fixture, step, key)
            if known is not None:
                wanted = value if known.wrote == ANY else known.wrote
            if not same(wanted, value):
                lines.append(f"{step} {key!r}: {wanted!r:.80} was logged, {value!r:.80} read")
        return lines


_WHOLE = [one for one in fixtures(damaged=False) if one.scenario != "large"]


@pytest.fixture(scope="module", params=_WHOLE, ids=str)
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[Recorded]:
    fixture: Fixture = request.param
    folder = tmp_path_factory.mktemp("recorded")
    return [Recorded(fixture, one, read(one.journal)) for one in fixture.unpack(folder)]


def test_every_row(runs: list[Recorded]) -> None:
    for run in runs:
        empty = {step for scenario, step in EMPTY_ROWS if scenario == run.fixture.scenario}
        wanted = {row["step"]: row["values"] for row in run.survived}
        rows = run.read.rows
        steps = [step for step, _ in rows]
        assert [step for step in steps if step not in empty] == sorted(wanted)
        assert run.read.gaps == []
        found = dict(rows)
        assert [found[step] for step in empty if step in found] == [{} for _ in empty & {*found}]
        assert [w for step in wanted for w in run.wrong(step, wanted[step], found[step])] == []
        assert run.read.replay.unreadable == 0


def test_a_kill_costs_only_the_last_rows(runs: list[Recorded]) -> None:
    for run in runs:
        entry = next(
            entry
            for entry in run.fixture.entry["run_files"]
            if run.process.journal.as_posix().endswith(entry["path"])
        )
        assert run.read.replay.rows == entry["history_rows"]
        lost = len(run.truth["history"]["rows"]) - len(run.survived)
        assert (lost > 0) == (run.truth["exit"]["kind"] == "sigkill")


def test_who_the_run_is(runs: list[Recorded]) -> None:
    for run in runs:
        info, truth = run.read.replay.run, run.truth["run"]
        assert info is not None
        assert info.run_id == truth["id"]
        assert info.project == truth["project"]
        assert info.name == truth.get("name", "")
        assert info.notes == truth.get("notes", "")
        assert info.group == truth.get("group", "")
        assert info.job_type == truth.get("job_type", "")
        assert list(info.tags) == truth.get("tags", [])
        assert 1.7e9 < info.start_time < 1.9e9


def test_the_config(runs: list[Recorded]) -> None:
    for run in runs:
        assert run.wrong(None, run.truth["config"], run.read.replay.config) == []
        assert run.read.replay.client["cli_version"] == run.fixture.version


def test_how_it_ended(runs: list[Recorded]) -> None:
    for run in runs:
        killed = run.truth["exit"]["kind"] == "sigkill"
        assert run.read.replay.exit_code == run.truth["exit"]["exit_code"]
        assert run.read.replay.complete is not killed


def test_the_summary(runs: list[Recorded]) -> None:
    for run in runs:
        truth = run.truth["summary"]
        rows = run.survived
        # A client killed between the two has written the summary of a row, and not the row.
        ahead = run.truth["history"]["rows"][len(rows) :][:1]
        wrong = []
        for known in (rows, rows + ahead):
            last = {key: value for row in known for key, value in row["values"].items()}
            wanted = {**last, **truth["aggregates"], **truth["explicit"]}
            found = {key: run.read.replay.summary.get(key, ABSENT) for key in wanted}
            wrong.append(run.wrong(None, wanted, found))
        assert [] in wrong


def test_the_summary_that_is_derived_from_the_rows_alone(runs: list[Recorded]) -> None:
    """Of a killed run nothing else may be there."""
    from holdfast.records.replay import Replay

    for run in runs:
        replay = Replay()
        replay.apply(one for one in run.read.payloads if kind(one) != "summary")
        last = {key: value for row in run.survived for key, value in row["values"].items()}
        wanted = {**last, **run.truth["summary"]["aggregates"]}
        wanted.pop("d", None)  # merged leaf by leaf, whatever the version
        if run.fixture.version == "0.13.11":
            wanted.pop("e", None)
        found = {key: replay.summary.get(key, ABSENT) for key in wanted}
        assert run.wrong(None, wanted, found) == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_console(runs: list[Recorded], stream: str) -> None:
    for run in runs:
        pieces = [text.text for text in run.read.applied.console if text.stream == stream]
        shown = iter(line.rsplit("\r", 1)[-1] for line in "".join(pieces).split("\n"))
        wanted = [line["text"] for line in run.truth["console"] if line["stream"] == stream]
        assert [line for line in wanted if line not in shown] == []


def test_defined_metrics(runs: list[Recorded]) -> None:
    for run in runs:
        if run.fixture.scenario == "basic":
            metrics = run.read.replay.metrics
            assert metrics["loss"].summary == ("min",)
            assert metrics["acc"].summary == ("max",)
            assert any(metric.step_metric == "epoch" for metric in metrics.values())


def test_saved_files_are_named(runs: list[Recorded]) -> None:
    for run in runs:
        files = run.read.replay.files
        for saved in run.truth.get("files") or []:
            if saved["policy"] in ("now", "end", "live"):  # else it is not named, only there
                # 0.13 names the pattern that was given, later versions each file
                named = {files[path] for path in files if fnmatchcase(saved["path"], path)}
                assert named == {saved["policy"]}


def test_metadata_and_system_metrics(runs: list[Recorded]) -> None:
    for run in runs:
        if _parts(run.fixture.version) >= [0, 21]:
            metadata = run.read.replay.metadata
            assert metadata["os"].startswith("Linux")
            assert metadata["cpu_count_logical"] >= 1
            assert "program" in metadata
        for stat in run.read.applied.stats:
            assert stat.timestamp > 1.7e9
            assert all(not key.startswith("system.") for key in stat.values)


def test_the_state_is_the_same_wherever_the_journal_was_cut(runs: list[Recorded]) -> None:
    from holdfast.records.replay import Replay

    for run in runs:
        replay = Replay()
        portion = 1 + len(run.read.payloads) // 40
        rows = []
        for begin in range(0, len(run.read.payloads), portion):
            replay = Replay.from_json(replay.to_json())
            rows += rows_of(replay.apply(run.read.payloads[begin : begin + portion]).rows)
        assert same(_state(run.read.replay), _state(replay))
        assert same([[*row] for row in run.read.rows], [[*row] for row in rows])


def _state(replay: Any) -> dict[str, Any]:
    from holdfast.records.values import loads

    state: dict[str, Any] = loads(replay.to_json())
    return state


@pytest.mark.parametrize("fixture", fixtures(damaged=True), ids=str)
def test_every_row_that_damage_left(fixture: Fixture, tmp_path: Path) -> None:
    [process] = fixture.unpack(tmp_path)
    found = read(process.journal)
    assert [step for step, _ in found.rows] == process.truth["recoverable_steps"]
    [truth] = fixture.undamaged().truths()
    logged = {row["step"]: row["values"] for row in truth["history"]["rows"]}
    assert all(same(logged[step], row) for step, row in found.rows)


@pytest.mark.parametrize("fixture", fixtures(scenario="large"), ids=str)
def test_fifty_thousand_rows(fixture: Fixture, tmp_path: Path) -> None:
    [process] = fixture.unpack(tmp_path)
    with process.journal.open("rb") as file:
        found = batches(list(_history(file)))
    truth = process.truth["history"]
    steps = [step for batch in found for step in batch.steps]
    assert steps == list(range(truth["row_count"]))
    columns: dict[str, list[float]] = {key: [] for key in truth["columns"]}
    for batch in found:
        for key, column in columns.items():
            column += batch.values(batch.keys.index(key))
    for key, wanted in truth["columns"].items():
        column = columns[key]
        assert len(column) == wanted["count"]
        assert (column[0], column[-1]) == (wanted["first"], wanted["last"])
        assert (min(column), max(column)) == (wanted["min"], wanted["max"])
        assert math.isclose(math.fsum(column), wanted["sum"], rel_tol=1e-9)
    for row in truth["sampled_rows"]:
        assert {key: column[row["step"]] for key, column in columns.items()} == row["values"]
    assert _digest(columns) == truth["rows_sha256"]


def _history(file: Any) -> Iterator[bytes]:
    for item in Reader(file):
        assert isinstance(item, Frame)
        if kind(item.payload) == "history":
            yield item.payload


def _digest(columns: dict[str, list[float]]) -> str:
    hasher = hashlib.sha256()
    pack = struct.Struct(f"<q{len(columns)}d").pack
    ordered = (columns[key] for key in sorted(columns))
    for step, values in enumerate(zip(*ordered, strict=True)):
        hasher.update(pack(step, *values))
    return hasher.hexdigest()
