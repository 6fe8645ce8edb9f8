"""Lock files: a live owner's is left, a dead one's removed, a doubtful one left and said."""

from __future__ import annotations

import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from wandb_runs import fixture

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
    [found] = look_at_locks(iter([tmp_path]))
    assert found.severity == "warning"
    assert f"process {dead}, which does not run" in found.evidence
    assert apply_fix(found) == f"removed {path}"
    assert not path.exists()


@pytest.mark.parametrize("shape", ["{pid}\n", "{pid} {host}"])
def test_a_live_owner(tmp_path: Path, shape: str) -> None:
    path = lock(tmp_path, shape.format(pid=os.getpid(), host=platform.node()))
    [found] = look_at_locks(iter([tmp_path]))
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
    [found] = look_at_locks(iter([tmp_path]))
    assert (found.severity, found.fix) == ("note", None)


def test_a_number_alone_may_be_of_another_machine_for_a_while(tmp_path: Path, dead: int) -> None:
    assert owner_of(lock(tmp_path, str(dead), age=10))[0] == "unknown"
    assert owner_of(lock(tmp_path, str(dead), age=600))[0] == "dead"


def test_one_that_came_back_is_left(tmp_path: Path, dead: int) -> None:
    path = lock(tmp_path, str(dead))
    [found] = look_at_locks(iter([tmp_path]))
    path.write_text(str(os.getpid()))
    assert "its owner is back" in apply_fix(found)
    assert path.exists()


def test_the_recorded_one(tmp_path: Path) -> None:
    [process] = fixture("0.31.0/damaged/stale-lock").unpack(tmp_path)
    [found] = look_at_locks(iter([process.folder]))
    assert found.severity == "warning"
    apply_fix(found)
    assert list(process.folder.glob("*.lock")) == []
    assert process.journal.exists()
