"""Many runs: which are pending, several at a time, and folders that may be removed."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer

from holdfast.errors import DamagedError, UnreachableError
from holdfast.rundir import RunDir, mark_synced
from holdfast.rundir.whole import fresh_name
from holdfast.sync.context import Context, Wishes
from holdfast.sync.many import find, remove_run, work_off
from holdfast.sync.one import sync_run

SERVER = "http://memory"


def ids(runs) -> list[str]:  # type: ignore[no-untyped-def]
    return [run_dir.run_id for run_dir in runs]


def test_find_in_order_of_start_each_once(tmp_path: Path) -> None:
    wandb = tmp_path / "train" / "wandb"
    made = [make_run(wandb, run_id, number=n) for n, run_id in ((3, "cc"), (1, "aa"), (2, "bb"))]
    paths = [tmp_path, wandb, made[0].path, made[0].journal, tmp_path / "none"]
    found = find(paths, SERVER, Wishes())
    assert ids(found.pending) == ["aa", "bb", "cc"]
    assert len(found.missing) == 1
    assert str(tmp_path / "none") in str(found.missing[0])


def test_wandbs_marker_is_no_proof_and_ours_only_while_it_fits(tmp_path: Path) -> None:
    server = MemoryServer()
    first, second = make_run(tmp_path, "aa", number=1), make_run(tmp_path, "bb", number=2)
    mark_synced(first)
    assert ids(find([tmp_path], SERVER, Wishes()).pending) == ["aa", "bb"]
    for run_dir in (first, second):
        sync_run(context(server), run_dir)
    assert ids(find([tmp_path], SERVER, Wishes()).synced) == ["aa", "bb"]
    (first.files / "new.txt").write_text("x")
    with second.journal.open("ab") as file:
        file.write(b"more")
    assert ids(find([tmp_path], SERVER, Wishes()).pending) == ["aa", "bb"]
    first.receipt.write_text("{")
    assert ids(find([first.path], SERVER, Wishes()).pending) == ["aa"]


def test_one_bad_run_stops_no_other(tmp_path: Path) -> None:
    server = MemoryServer()
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(8)]
    runs[3].journal.write_bytes(b"no journal, certainly" * 10)
    some = context(server)
    outcomes = {o.run_dir.run_id: o for o in work_off(runs, lambda run: sync_run(some, run), 4)}
    assert isinstance(outcomes["r3"].error, DamagedError)
    assert {o.state for name, o in outcomes.items() if name != "r3"} == {"confirmed"}
    assert len(server.journals) == 7


def test_work_off_uses_so_many_threads(tmp_path: Path) -> None:
    server = MemoryServer()
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(3)]
    meeting = threading.Barrier(3, timeout=10)

    def work(run_dir):  # type: ignore[no-untyped-def]
        meeting.wait()
        return sync_run(context(server), run_dir)

    assert {o.state for o in work_off(runs, work, 3)} == {"confirmed"}
    assert list(work_off([], work, 3)) == []


def test_folders_of_one_run_are_one_run(tmp_path: Path) -> None:
    """Two processes wrote one run: two journals; a copy of a folder is the same journal."""
    server = MemoryServer()
    first = make_run(tmp_path, "aa", number=1, start_time=1.0)
    second = make_run(tmp_path, "aa", number=2, start_time=2.0)
    copy = tmp_path / "copy" / first.path.name
    shutil.copytree(first.path, copy)
    some = context(server)
    found = find([tmp_path], SERVER, Wishes())
    assert len(found.pending) == 3
    assert {sync_run(some, run).state for run in found.pending} == {"confirmed"}
    assert len(server.journals) == 2
    assert {journal.run.run_id for journal in server.journals} == {"aa"}
    assert second.synced_marker.exists()


def test_remove_what_is_confirmed(tmp_path: Path) -> None:
    server = MemoryServer()
    some = context(server)
    run_dir = make_run(tmp_path, "aa")
    sync_run(some, run_dir)
    server.calls.clear()
    assert remove_run(some, run_dir).ok
    assert server.calls["receipt"] == 1
    assert not run_dir.path.exists()


def test_a_live_run_is_not_removed(tmp_path: Path) -> None:
    some = context(MemoryServer())
    run_dir, writer = start_run(tmp_path, "aa")
    append_rows(writer, rows(3))
    sync_run(some, run_dir)
    _kept(some, run_dir)
    writer.close()


def test_a_run_that_the_server_lost_is_not_removed(tmp_path: Path) -> None:
    server = MemoryServer()
    some = context(server)
    run_dir = make_run(tmp_path, "aa")
    sync_run(some, run_dir)
    server.journals.clear()

    def fail(method: str, when: str) -> None:
        if method == "chunk":
            raise UnreachableError("the server is away", "wait")

    server.fail = fail
    _kept(some, run_dir)


def test_a_folder_that_changes_meanwhile_is_not_removed(tmp_path: Path) -> None:
    server = MemoryServer()
    some = context(server)
    run_dir = make_run(tmp_path, "aa")
    sync_run(some, run_dir)

    def change(method: str, when: str) -> None:
        if (method, when) == ("receipt", "after"):
            (run_dir.files / "late").write_text("x")

    server.fail = change
    _kept(some, run_dir)


def test_a_folder_with_other_things_is_not_removed(tmp_path: Path) -> None:
    some = context(MemoryServer())
    first, second = make_run(tmp_path, "aa", number=1), make_run(tmp_path, "bb", number=2)
    sync_run(some, first)
    sync_run(some, second)
    (first.path / "my-notes.txt").write_text("mine")
    _kept(some, first)
    moved = RunDir(second.path.rename(tmp_path / "precious") / second.journal.name)
    _kept(some, moved)


def test_what_a_kill_left_of_a_marker_goes_too(tmp_path: Path) -> None:
    some = context(MemoryServer())
    run_dir = make_run(tmp_path, "aa")
    sync_run(some, run_dir)
    fresh_name(run_dir.receipt).write_text("{")
    (mine := run_dir.path / f".{run_dir.receipt.name}.mine").write_text("mine")
    _kept(some, run_dir)
    mine.unlink()
    assert remove_run(some, run_dir).ok
    assert not run_dir.path.exists()


def _kept(some: Context, run_dir: RunDir) -> None:
    outcome = remove_run(some, run_dir)
    assert not outcome.ok
    assert "kept" in str(outcome.error)
    assert run_dir.journal.exists()


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is made: the walk meets what others would."""
    make_run(tmp_path / "good", "aaaa")
    (tmp_path / "shut").mkdir()
    listed = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found = find([tmp_path], SERVER, Wishes())
    assert [run.run_id for run in found.pending] == ["aaaa"]
    assert ["shut" in str(error) for error in found.missing] == [True]
