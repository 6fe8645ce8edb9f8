"""Live runs: what one script logs to a server that is there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from conformance.cell import Cell
from conformance.clients import Client
from conformance.processes import Process
from conformance.scenarios.scenario import Scenario
from conformance.verdicts import MismatchError

__all__ = ["SCENARIOS", "sent"]

_WRITERS = 2
_SHARED_ROWS = 60


def _live(cell: Cell) -> None:
    cell.check(sent(cell, cell.script("live")))
    failing = cell.begin("failing")
    if failing.wait(120) == 0:
        raise MismatchError("a script that raises ended with exit code 0")
    cell.check(cell.told(failing))


def sent(cell: Cell, truth: dict[str, Any]) -> dict[str, Any]:
    """What the client sends of a truth: before 0.18, no summary of nested values."""
    if not cell.client.before("0.18.0"):
        return truth
    cell.note("the client sends no summary of nested values; it is not compared")
    nested = {key for row in truth["rows"] for key, value in row.items() if isinstance(value, dict)}
    kept = {key: value for key, value in truth["summary"].items() if key not in nested}
    return {**truth, "summary": kept}


def _notices(cell: Cell) -> None:
    truth = cell.script("notices")
    cell.check(truth)
    found = cell.run(truth["id"]).alerts
    if found != truth["alerts"]:
        raise MismatchError(f"the alerts are {found} and not {truth['alerts']}")


def _same_id(cell: Cell) -> None:
    """The same id in two projects is two runs."""
    first = sent(cell, cell.script("live", id="same-id"))
    theirs, cell.project = cell.project, f"{cell.project}-other"
    cell.check(cell.script("steps", rows=3, how={"id": "same-id"}))
    cell.project = theirs
    cell.check(first)


def _fast(cell: Cell) -> None:
    cell.check(cell.script("steps", rows=cell.lengths.fast_rows))


def _media(cell: Cell) -> None:
    truth = cell.script("media")
    if len(truth["files"]) < truth["steps"] * 9:
        raise MismatchError(f"the script wrote {len(truth['files'])} media files only")
    cell.check(truth)
    rows = list(cell.run(truth["id"]).scan_history(["image"]))
    if len(rows) != truth["steps"]:
        raise MismatchError(f"{len(rows)} rows have an image and not {truth['steps']}")
    for row in rows:
        image: Any = row["image"]
        if truth["files"].get(image["path"]) != image["sha256"]:
            raise MismatchError(f"step {row['_step']} names an image that is not there: {image}")


def _disorder(cell: Cell) -> None:
    cell.check(cell.script("disorder"))


def _console(cell: Cell) -> None:
    cell.check(cell.script("console"))


def _save(cell: Cell) -> None:
    truth = cell.script("save")
    if cell.client.before("0.18.0"):
        cell.note("the client does not send empty files; the one that was saved is not looked for")
        del truth["files"]["empty.bin"]
    cell.check(truth)
    if not truth["restored"]:
        raise MismatchError("wandb.restore did not bring the file back")
    names = [file.name for file in cell.run(truth["id"]).files()]
    if not any(name.endswith("save.py") for name in names):
        raise MismatchError(f"the script's code is not among the files: {names}")


def _shared(cell: Cell) -> None:
    """Two processes write to one run at once; every row of both is there, in its writer's order."""
    marks = [str(cell.folder / f"{rank}.done") for rank in range(_WRITERS)]
    run_id = f"shared-{int(time.time())}"

    def writer(rank: int, wait_for: list[str]) -> Process:
        return cell.begin("shared", id=run_id, rank=rank, rows=_SHARED_ROWS, wait_for=wait_for)

    first = writer(0, marks[1:])
    others = [writer(rank, []) for rank in range(1, _WRITERS)]
    for other, mark in zip(others, marks[1:], strict=True):
        other.succeed(120)
        open(mark, "w").close()
    first.succeed(120)
    held = list(cell.run(run_id).scan_history())
    if len(held) != _WRITERS * _SHARED_ROWS:
        raise MismatchError(f"{len(held)} rows and not {_WRITERS * _SHARED_ROWS}")
    if [row["_step"] for row in held] != list(range(len(held))):
        raise MismatchError("the steps of the rows are not 0, 1, 2 …")
    for rank in range(_WRITERS):
        wanted = cell.told([first, *others][rank])["rows"]
        rows = [
            {key: value for key, value in row.items() if key[0] != "_"}
            for row in held
            if row["rank"] == rank
        ]
        if rows != wanted:
            raise MismatchError(f"the rows of writer {rank} are others, or in another order")
    _expect_labels((line.label, line.text) for line in cell.run(run_id).logs())
    if (read := cell.told(first)["console"]) is not None:
        _expect_labels((label, text) for label, text in read)
    cell.check({"id": run_id, "state": "finished", "exit_code": 0})


def _expect_labels(console: Iterable[tuple[str, str]]) -> None:
    """Each line says which writer printed it."""
    printed = sorted(line for line in console if line[1].endswith("] printed"))
    if printed != [(f"rank_{rank}", f"[{rank}] printed") for rank in range(_WRITERS)]:
        raise MismatchError(f"the console says {printed}")


def _no_shared_mode(client: Client) -> str:
    return "shared mode came with 0.19.9" if client.before("0.19.9") else ""


def _ddp(cell: Cell) -> None:
    for truth in cell.script("ddp")["runs"]:
        cell.check(truth)


SCENARIOS = (
    Scenario("live", "live run: values of every kind, config, summary, tags, exit codes", _live),
    Scenario("same-id", "the same id in two projects", _same_id),
    Scenario("notices", "alerts, `mark_preempting`", _notices),
    Scenario("fast", "10,000 steps without a pause", _fast),
    Scenario("media", "media of every type", _media),
    Scenario("disorder", "steps out of order, repeated, with holes", _disorder),
    Scenario("console", "console: progress bars, colours, both streams", _console),
    Scenario("save", "`save` under its three policies, `restore`, code", _save),
    Scenario("shared", "two processes into one run (shared mode)", _shared, _no_shared_mode),
    Scenario("ddp", "launcher and ranks in one group", _ddp),
)
