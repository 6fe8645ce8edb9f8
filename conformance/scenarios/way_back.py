"""The way back: folders that Holdfast's client wrote, read by wandb's own tools."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.cell import Cell
from conformance.compare import flat, same
from conformance.scenarios.scenario import Scenario
from conformance.verdicts import MismatchError
from holdfast.journal import Frame, Reader
from holdfast.records.decode import history_row, kind, parse
from holdfast.rundir import RunDir
from holdfast.sync.repair import repair_run

__all__ = ["SCENARIOS"]

_SYNC_S = 240.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _sync(cell: Cell, *folders: Path) -> None:
    for folder in folders:
        cell.command("sync", str(folder)).succeed(_SYNC_S)


def _check(cell: Cell, truth: dict[str, Any]) -> None:
    """Our client tells `_runtime` once a second; between, `_timestamp` tells it."""
    cell.check({**truth, "may_lack": "_runtime"})


def _basic(cell: Cell) -> None:
    for script in ("live", "disorder"):
        truth = cell.our_script(script)
        folder = cell.offline_folders()[-1]
        _sync(cell, folder)
        _check(cell, truth)
        _inspect(cell, folder, {"config": {}, **truth})


def _inspect(cell: Cell, folder: Path, truth: dict[str, Any]) -> None:
    """W&B's terminal viewer prints every row as it was logged.

    So it does with what else the truth has of config, summary and console.
    """
    records = cell.command("leet", "inspect", "--json", str(folder))
    records.succeed(60)
    lines = [json.loads(line) for line in records.said.splitlines() if line.startswith("{")]
    shown = [line["history"]["item"] for line in lines if line["type"] == "history"]
    if len(shown) != len(truth["rows"]):
        raise MismatchError(f"the viewer prints {len(shown)} rows and not {len(truth['rows'])}")
    for row, want in zip(shown, truth["rows"], strict=True):
        _expect(f"row {want['_step']}", row, want)
    printed = [line["output_raw"] for line in lines if line["type"] == "output_raw"]
    for stream, wanted in truth.get("console", {}).items():
        if (text := _terminal(printed, stream)) != wanted:
            raise MismatchError(f"the viewer prints as {stream} {text} and not {wanted}")
    summary = cell.command("leet", "inspect", "--summary", "--json", str(folder))
    summary.succeed(60)
    said = json.loads(summary.said[summary.said.index("{") :])
    for part in ("config", "summary"):
        if part in truth:
            _expect(part, said[part], truth[part])


def _terminal(printed: list[dict[str, Any]], stream: str) -> list[str]:
    """The lines of a stream as a terminal leaves them: of a progress bar its last state."""
    text = "".join(one["line"] for one in printed if one["output_type"].lower() == stream)
    lines = _COLOUR.sub("", text).removesuffix("\n").split("\n")
    return [line.rpartition("\r")[2] for line in lines]


def _expect(what: str, found: dict[str, Any], want: dict[str, Any]) -> None:
    shown, wanted = flat(found), {key: _as_shown(value) for key, value in flat(want).items()}
    if what == "summary":  # a None may stand in it or not
        shown, wanted = ({k: v for k, v in one.items() if v is not None} for one in (shown, wanted))
    if not same(shown, wanted):
        raise MismatchError(f"the viewer prints as {what} {shown} and not {wanted}")


def _as_shown(value: Any) -> Any:
    """The viewer prints strict JSON: what that cannot say, it says as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def _console(cell: Cell) -> None:
    truth = cell.our_script("console")
    (folder,) = cell.offline_folders()
    _sync(cell, folder)
    _check(cell, truth)
    _inspect(cell, folder, truth)


def _resumed(cell: Cell) -> None:
    how = {"id": "resumed", "resume": "allow"}
    first = cell.our_script("steps", rows=10, how=how)
    second = cell.our_script("steps", first=10, rows=10, how=how)
    folders = cell.offline_folders()
    _sync(cell, *folders)
    _check(cell, {**second, "rows": first["rows"] + second["rows"]})
    for folder, truth in zip(folders, (first, second), strict=True):
        _inspect(cell, folder, truth)


def _shared(cell: Cell) -> None:
    """Each folder of a run that several processes wrote is taken like any other."""
    for rank in range(2):
        truth = cell.our_script("shared", id="shared", rank=rank, rows=30, wait_for=[])
        folder = cell.offline_folders()[-1]
        shown = {"rows": _with_steps(truth), "summary": truth["rows"][-1], "config": {}}
        _inspect(cell, folder, shown)
    _sync(cell, folder)
    _check(cell, {"id": "shared", "rows": _with_steps(truth), "state": "finished"})


def _with_steps(truth: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"_step": step, **row} for step, row in enumerate(truth["rows"])]


def _killed(cell: Cell) -> None:
    """Every row for which `log` returned before SIGKILL is there."""
    process = cell.begin_ours("wait", rows=100, pad=100, wait_s=600)
    cell.until(lambda: process.ended or cell.has_told(process), "the process has logged")
    truth = cell.told(process)
    process.kill_all()
    (folder,) = cell.offline_folders()
    _sync(cell, folder)
    _check(cell, {"id": truth["id"], "rows": truth["rows"]})
    _inspect(cell, folder, {"rows": truth["rows"]})


def _repaired(cell: Cell) -> None:
    """A damaged journal, of which the real client reads no more than what stands before."""
    truth = cell.our_script("steps", rows=300, pad=200)
    [folder] = cell.offline_folders()
    [journal] = folder.glob("*.wandb")
    lost = _damage(journal, {"run": [0], "history": [20, 21, 250]})
    found = repair_run(RunDir(journal), _Silent())
    if found.error is not None or not found.changed:
        raise MismatchError(f"it was not repaired: {found.error}")
    _sync(cell, folder)
    rows = [row for row in truth["rows"] if row["_step"] not in lost]
    _check(
        cell, {"id": truth["id"], "rows": rows, "summary": truth["summary"], "state": "finished"}
    )


class _Silent:
    """A reporter that says nothing."""

    def expect(self, run_dir: RunDir, size: int) -> None:
        pass

    def advance(self, run_dir: RunDir, size: int) -> None:
        pass

    def say(self, line: str) -> None:
        pass


def _damage(journal: Path, places: Mapping[str, list[int]]) -> list[int]:
    """Flip a byte in some records of each kind; returns the steps of the rows among them."""
    with journal.open("rb") as file:
        frames = [item for item in Reader(file) if isinstance(item, Frame)]
    data = bytearray(journal.read_bytes())
    lost = []
    for name, numbers in places.items():
        of_kind = [frame for frame in frames if kind(frame.payload) == name]
        for frame in (of_kind[number] for number in numbers):
            data[frame.end - 1] ^= 0xFF
            if name == "history":
                lost.append(history_row(parse(frame.payload).history)["_step"])
    journal.write_bytes(data)
    return lost


_BOTH = "`wandb sync` and `wandb leet inspect`:"

SCENARIOS = (
    Scenario("back-basic", f"{_BOTH} values of every kind", _basic),
    Scenario("back-console", f"{_BOTH} console", _console),
    Scenario("back-resumed", f"{_BOTH} a resumed run", _resumed),
    Scenario("back-shared", f"{_BOTH} one writer of a shared run", _shared),
    Scenario("back-killed", f"{_BOTH} a run that was killed", _killed),
    Scenario("back-repaired", f"{_BOTH} a run that `holdfast repair` mended", _repaired),
)
