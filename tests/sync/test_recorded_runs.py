"""Folders that real wandb versions wrote, damaged ones too, through sync: all that is readable."""

from __future__ import annotations

from pathlib import Path

import pytest
from sync.making import context
from sync.memory_server import MemoryServer
from wandb_runs import Fixture, fixtures

from holdfast.errors import DamagedError
from holdfast.journal import Frame, scan
from holdfast.records.decode import history_row, kind, parse
from holdfast.sync.context import Wishes
from holdfast.sync.many import find
from holdfast.sync.one import sync_run

UNREADABLE = {"zero-length", "truncated-in-file-header"}


def steps(journal: bytes) -> list[int]:
    payloads = [item.payload for item in scan(journal) if isinstance(item, Frame)]
    return [history_row(parse(p).history)["_step"] for p in payloads if kind(p) == "history"]


@pytest.mark.parametrize("fixture", fixtures(damaged=False), ids=str)
def test_every_run(fixture: Fixture, tmp_path: Path) -> None:
    processes = fixture.unpack(tmp_path)
    server = MemoryServer()
    some = context(server)
    pending = find([tmp_path], "http://memory", Wishes()).pending
    assert {run.journal for run in pending} == {process.journal for process in processes}
    outcomes = [sync_run(some, run) for run in pending]
    assert [o.error for o in outcomes] == [None] * len(outcomes)
    assert {o.state for o in outcomes} == {"confirmed"}
    expected = sum(file["history_rows"] for file in fixture.entry["run_files"])
    assert sum(o.rows for o in outcomes) == expected
    held = sum(len(steps(journal)) for journal in server.journals.values())
    assert held == expected
    # One run, however many folders it has: W&B's id, not the folder's, is its name.
    assert len({journal.run for journal in server.journals}) == 1
    for run in pending:
        data = run.journal.read_bytes()
        assert any(data.startswith(journal) for journal in server.journals.values())


@pytest.mark.parametrize("fixture", fixtures(damaged=True), ids=str)
def test_every_damage(fixture: Fixture, tmp_path: Path) -> None:
    (process,) = fixture.unpack(tmp_path)
    server = MemoryServer()
    (run,) = find([tmp_path], "http://memory", Wishes()).pending
    outcome = sync_run(context(server), run)
    if fixture.damage in UNREADABLE:
        assert isinstance(outcome.error, DamagedError)
        assert str(run.journal) in str(outcome.error)
        return
    if fixture.damage == "header-only":
        assert outcome.state == "empty"
        return
    assert (outcome.state, outcome.error) == ("confirmed", None)
    (journal,) = server.journals.values()
    assert steps(journal) == process.truth["recoverable_steps"]
