"""Lock files: a live owner's is left, a dead one's removed, a doubtful one left and said."""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from sync.making import make_run, start_run
from wandb_runs import fixture

from holdfast.records import encode
from holdfast.rundir import RunDir
from holdfast.sync.doctor.finding import apply_fix
from holdfast.sync.doctor.locks import look_at_locks, owner_of


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock(folder: Path, text: str, *, age: float = 3600) -> Path:
    path = folder / "run.wandb.lock"
    path.write_text(text)
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("shape", ["{pid}\n", "{pid} {host}", '{{"pid": {pid}, "host": "{host}"}}'])
def test_a_dead_owner(tmp_path: Path, dead: int, shape: str) -> None:
    path = lock(tmp_path, shape.format(pid=dead, host=platform.node()))
    [found] = look_at_locks([tmp_path])
    assert found.severity == "warning"
    assert f"process {dead}, which does not run" in found.evidence
    assert apply_fix(found) == f"removed {path}"
    assert not path.exists()


@pytest.mark.parametrize("shape", ["{pid}\n", "{pid} {host}"])
def test_a_live_owner(tmp_path: Path, shape: str) -> None:
    path = lock(tmp_path, shape.format(pid=os.getpid(), host=platform.node()))
    [found] = look_at_locks([tmp_path])
    assert (found.severity, found.fix) == ("note", None)
    assert "runs on this machine" in found.evidence
    assert path.exists()


def test_a_lock_that_the_kernel_holds(tmp_path: Path, dead: int) -> None:
    path = lock(tmp_path, str(dead))
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner_of(path) == ("alive", "run.wandb.lock is locked")
    assert owner_of(path)[0] == "dead"


@pytest.mark.parametrize("text", ["", "no number", "{pid} node17.cluster"])
def test_an_owner_that_cannot_be_asked(tmp_path: Path, dead: int, text: str) -> None:
    lock(tmp_path, text.format(pid=dead))
    [found] = look_at_locks([tmp_path])
    assert (found.severity, found.fix) == ("note", None)


def test_a_number_alone_may_be_of_another_machine_for_a_while(tmp_path: Path, dead: int) -> None:
    assert owner_of(lock(tmp_path, str(dead), age=10))[0] == "unknown"
    assert owner_of(lock(tmp_path, str(dead), age=600))[0] == "dead"


def test_one_that_came_back_is_left(tmp_path: Path, dead: int) -> None:
    path = lock(tmp_path, str(dead))
    [found] = look_at_locks([tmp_path])
    path.write_text(str(os.getpid()))
    assert "its owner is back" in apply_fix(found)
    assert path.exists()


def test_the_recorded_one(tmp_path: Path) -> None:
    [process] = fixture("0.31.0/damaged/stale-lock").unpack(tmp_path)
    [found] = look_at_locks([process.folder])
    assert found.severity == "warning"
    apply_fix(found)
    assert list(process.folder.glob("*.lock")) == []
    assert process.journal.exists()


def left_by(run_dir: RunDir, *, silent: float, age: float = 3600, below: str = "") -> Path:
    """An empty lock with a run whose journal is silent for so many seconds."""
    now = run_dir.journal.stat().st_mtime
    os.utime(run_dir.journal, (now - silent, now - silent))
    folder = run_dir.path / below
    folder.mkdir(exist_ok=True)
    return lock(folder, "", age=age)


@pytest.mark.parametrize("below", ["", "tmp", "files"])
def test_an_empty_one_of_a_run_that_ended(tmp_path: Path, below: str) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    path = left_by(run_dir, silent=600, below=below)
    [found] = look_at_locks([tmp_path], [run_dir])
    assert (found.severity, found.path) == ("warning", path)
    assert found.evidence.endswith("60 min old; its run has ended")
    assert apply_fix(found) == f"removed {path}"
    assert not path.exists()


def test_an_empty_one_of_a_run_that_was_killed(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", finished=False)
    path = left_by(run_dir, silent=3600)
    assert owner_of(path, run_dir)[0] == "unknown"
    left_by(run_dir, silent=2 * 86400)
    state, evidence = owner_of(path, run_dir)
    assert (state, evidence.partition("; ")[2]) == ("dead", "its journal has not grown for 49 h")


def test_an_empty_one_of_a_run_that_may_live_is_left(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    path = left_by(run_dir, silent=2 * 86400)
    assert owner_of(path, run_dir)[0] == "unknown"
    [found] = look_at_locks([], [run_dir])
    assert (found.severity, found.fix) == ("note", None)
    writer.close()
    assert owner_of(path, run_dir)[0] == "dead"


def test_an_empty_one_that_is_young_held_or_no_longer_empty_is_left(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    path = left_by(run_dir, silent=600, age=10)
    assert owner_of(path, run_dir)[0] == "unknown"
    path = left_by(run_dir, silent=600)
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert owner_of(path, run_dir)[0] == "alive"
    [found] = look_at_locks([], [run_dir])
    path.write_text("taken again")
    assert "its owner is back" in apply_fix(found)
    assert path.exists()


def test_a_file_of_the_run_is_no_lock(tmp_path: Path) -> None:
    for number, name in enumerate(["run.wandb.lock", "*.lock"]):
        run_dir = make_run(tmp_path, f"r{number}", number=number, records=[encode.files([name])])
        left_by(run_dir, silent=2 * 86400, below="files")
        assert list(look_at_locks([], [run_dir])) == []


def test_files_are_left_whose_names_may_be_in_a_place_that_cannot_be_read(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=40)
    data = run_dir.journal.read_bytes()
    damaged = bytearray(data)
    damaged[1500] ^= 0xFF
    for journal, count in [(data + b"torn", 1), (damaged, 0), (b"PK a zip", 0), (b"", 0)]:
        run_dir.journal.write_bytes(journal)
        left_by(run_dir, silent=2 * 86400, below="files")
        assert len(list(look_at_locks([], [run_dir]))) == count
    run_dir.journal.unlink()
    assert list(look_at_locks([], [run_dir])) == []
