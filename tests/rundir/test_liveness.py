"""Whether somebody writes a journal: real processes, real locks."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rundir.places import journal_with_header, mounted

from holdfast.journal import HEADER
from holdfast.rundir import RunDir, boot_id, hold, is_process, writer_of

_WRITER = """
import os, platform, sys
from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.rundir import boot_id, hold
writer = Writer(sys.argv[1])
hold(writer.fileno())
writer.append(encode.header("t", host=platform.node(), pid=os.getpid(), boot_id=boot_id()))
child = 0
if sys.argv[2] != "alone":
    child = os.fork()
    if child == 0:
        if sys.argv[2] == "abandons":
            writer.abandon()
        os.close(1)
        os.read(0, 1)
        os._exit(0)
print(child, flush=True)
sys.stdin.read(1)
writer.close()
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "run-a.wandb")


class Process:
    """A process that writes the journal until it is told to end, or killed."""

    def __init__(self, run: RunDir, how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _WRITER, str(run.journal), how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.child = int(self.process.stdout.readline())

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(run: RunDir) -> Iterator[Any]:
    started: list[Process] = []

    def begin(how: str = "alone") -> Process:
        started.append(Process(run, how))
        return started[-1]

    yield begin
    for one in started:
        one.kill()
        for pipe in (one.process.stdin, one.process.stdout):  # its child ends with the pipe
            assert pipe is not None
            pipe.close()


def test_alive_while_it_writes_and_gone_when_it_has_ended(run: RunDir, start: Any) -> None:
    writer = start()
    assert writer_of(run) == "alive"
    assert writer_of(run) == "alive"
    writer.end()
    assert writer_of(run) == "gone"


def test_gone_at_once_after_sigkill(run: RunDir, start: Any) -> None:
    writer = start()
    writer.kill()
    assert writer_of(run) == "gone"


def test_a_forked_child_that_abandons_does_not_keep_it_alive(run: RunDir, start: Any) -> None:
    writer = start("abandons")
    assert writer_of(run) == "alive"
    writer.kill()
    deadline = time.monotonic() + 10  # the child may be about to abandon
    while writer_of(run) != "gone":
        assert time.monotonic() < deadline
    os.kill(writer.child, 0)  # it is still there


def test_a_forked_child_that_keeps_the_journal_open_does(run: RunDir, start: Any) -> None:
    """Why the client lets go of it in every child."""
    writer = start("keeps")
    writer.kill()
    assert writer_of(run) == "alive"


def test_asking_never_stands_in_the_way_of_the_writer(run: RunDir) -> None:
    run.journal.write_bytes(HEADER)
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            writer_of(run)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(300):
            fd = os.open(run.journal, os.O_RDWR)
            hold(fd)
            assert writer_of(run) == "alive"
            os.close(fd)
    finally:
        stop.set()
        thread.join()


def test_two_who_ask_do_not_take_each_other_for_the_writer(run: RunDir) -> None:
    journal_with_header(run.journal, platform.node(), boot_id())
    fd = os.open(run.journal, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)  # as who asks holds it, for a moment
    assert writer_of(run) == "gone"
    os.close(fd)


@pytest.mark.parametrize(
    ("host", "boot", "fresh", "silent"),
    [
        (platform.node(), boot_id(), "gone", "gone"),
        (platform.node(), "", "gone", "gone"),
        ("a-name-that-was-changed-since", boot_id(), "gone", "gone"),
        # another machine of the same name, or this one before it was started again
        (platform.node(), "another", "unknown", "gone"),
        ("another", "another", "unknown", "gone"),
        ("another", "", "unknown", "gone"),
    ],
)
def test_not_locked(host: str, boot: str, fresh: str, silent: str, run: RunDir) -> None:
    journal_with_header(run.journal, host, boot)
    assert writer_of(run) == fresh
    os.utime(run.journal, (time.time() - 301, time.time() - 301))
    assert writer_of(run) == silent


@pytest.mark.parametrize("content", [b"", HEADER, b"no journal at all" * 9])
def test_journals_that_name_no_machine(content: bytes, run: RunDir) -> None:
    run.journal.write_bytes(content)
    assert writer_of(run) == "unknown"
    os.utime(run.journal, (1e9, 1e9))
    assert writer_of(run) == "gone"


def test_without_a_journal_nothing_is_known(run: RunDir) -> None:
    assert writer_of(run) == "unknown"


def test_a_filesystem_without_locks_proves_nothing(
    run: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as Lustre without its option for them; it cannot be made here."""
    journal_with_header(run.journal, platform.node(), boot_id())

    def flock(fd: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    fd = os.open(run.journal, os.O_RDWR)
    hold(fd)
    assert writer_of(run) == "unknown"
    os.utime(run.journal, (1e9, 1e9))
    assert writer_of(run) == "gone"
    os.close(fd)


@pytest.mark.parametrize("kind", ["nfs4", "lustre", "fuse.sshfs"])
def test_where_machines_share_the_folder_only_the_writers_own_asks_for_its_lock(
    kind: str, run: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file server may keep the lock of a machine that lost its power, and is asked each time."""
    asked: list[int] = []
    real = fcntl.flock

    def flock(fd: int, operation: int) -> None:
        asked.append(operation)
        real(fd, operation)

    journal_with_header(run.journal, "another", "another")
    mounted(monkeypatch, tmp_path, kind)
    fd = os.open(run.journal, os.O_RDWR)
    hold(fd)
    monkeypatch.setattr(fcntl, "flock", flock)
    assert writer_of(run) == "unknown"
    os.utime(run.journal, (time.time() - 301, time.time() - 301))
    assert writer_of(run) == "gone"
    assert not asked
    run.journal.unlink()
    journal_with_header(run.journal, platform.node(), boot_id())
    own = os.open(run.journal, os.O_RDWR)
    real(own, fcntl.LOCK_EX)
    assert writer_of(run) == "alive"
    os.close(own)
    assert writer_of(run) == "gone"
    assert asked
    os.close(fd)


def test_boot_id_is_one_word() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id().split()) <= 1


def test_whether_a_process_runs() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_process(os.getpid())
    assert is_process(child.pid)
    child.communicate(b"\n")
    assert not is_process(child.pid)
    assert is_process(0)
