"""Runs that go on: `resume` in its modes, rewind and fork."""

from __future__ import annotations

from typing import Any

from conformance.cell import Cell
from conformance.clients import Client
from conformance.scenarios.scenario import Scenario
from conformance.verdicts import MismatchError

__all__ = ["SCENARIOS"]

_ROWS = 10


def _continued(first: dict[str, Any], second: dict[str, Any], keep: int) -> dict[str, Any]:
    """The truth of a run of which ``keep`` rows of the first process stay."""
    return {**second, "rows": first["rows"][:keep] + second["rows"]}


def _refused(cell: Cell, **how: str) -> None:
    process = cell.begin("begin", how=how)
    if process.wait(120) == 0:
        raise MismatchError(f"wandb.init({how}) was not refused")


def _never(cell: Cell) -> None:
    first = cell.script("steps", rows=_ROWS, how={"id": "never", "resume": "never"})
    cell.check(first)
    _refused(cell, id="never", resume="never")
    cell.check(first)


def _must(cell: Cell) -> None:
    _refused(cell, id="must", resume="must")
    first = cell.script("steps", rows=_ROWS, how={"id": "must"})
    how = {"id": "must", "resume": "must"}
    second = cell.script("steps", first=_ROWS, rows=_ROWS, how=how)
    cell.check(_continued(first, second, _ROWS))


def _allow(cell: Cell) -> None:
    how = {"id": "allow", "resume": "allow"}
    truth = cell.script("steps", rows=_ROWS, how=how)
    for begun in range(1, 4):
        first = begun * _ROWS
        truth = _continued(truth, cell.script("steps", first=first, rows=_ROWS, how=how), first)
        cell.check(truth)


def _auto(cell: Cell) -> None:
    """A process that is killed leaves its run's id behind; the next one goes on with it."""
    how = {"resume": "auto"}
    first = cell.begin("wait", rows=_ROWS, wait_s=600, how=how)
    cell.until(lambda: first.ended or cell.has_told(first), "the first process has logged")
    truth = cell.told(first)
    cell.until(lambda: cell.rows(truth["id"]) == _ROWS, f"the server has {_ROWS} rows")
    first.kill_all()
    second = cell.script("steps", first=_ROWS, rows=_ROWS, how=how)
    if second["id"] != truth["id"]:
        raise MismatchError(f"run {second['id']} began and not {truth['id']} again")
    summary = {**truth["summary"], **second["summary"]}
    cell.check({**_continued(truth, second, _ROWS), "summary": summary})


def _rewind(cell: Cell) -> None:
    first = cell.script("steps", rows=_ROWS, how={"id": "rewound"})
    how = {"resume_from": "rewound?_step=5"}
    second = cell.script("steps", first=6, rows=8, add=100, how=how)
    cell.check(_continued(first, second, 6))


def _fork(cell: Cell) -> None:
    first = cell.script("steps", rows=_ROWS, how={"id": "original"})
    how = {"id": "forked", "fork_from": "original?_step=5"}
    second = cell.script("steps", first=6, rows=8, add=100, how=how)
    cell.check(_continued(first, second, 6))
    cell.check(first)


def _no_rewind(client: Client) -> str:
    return "`resume_from` came with 0.17.1" if client.before("0.17.1") else ""


def _no_fork(client: Client) -> str:
    return "`fork_from` reaches a server since 0.18" if client.before("0.18.0") else ""


SCENARIOS = (
    Scenario("resume-never", "`resume='never'`", _never),
    Scenario("resume-must", "`resume='must'`", _must),
    Scenario("resume-allow", "`resume='allow'`, three times", _allow),
    Scenario("resume-auto", "`resume='auto'` after SIGKILL", _auto),
    Scenario("rewind", "rewind: `resume_from`", _rewind, _no_rewind),
    Scenario("fork", "fork: `fork_from`", _fork, _no_fork),
)
