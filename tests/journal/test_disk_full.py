"""A disk that says no: nothing is raised, order is kept, and no half frame stays in the file."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal.making import gaps_of, payloads_of, read

from holdfast.journal import HEADER, Writer, writer

# A limit on the size of files is a full disk that needs no rights: a write beyond it goes in half
# (up to the limit) and the next one fails. Raising the limit is space that returns.
_LIMITED = """
import json, resource, sys, time
from holdfast.journal import Writer

def limit(size):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))

path, size, fsync, how = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
payloads = [b"%d " % number * 700 for number in range(60)]
errors = []
limit(size)
writer = Writer(path, fsync=fsync, interval=0.01, on_error=lambda error: errors.append(error.errno))
for payload in payloads[:40]:
    writer.append(payload)
seen = {"pending": writer.pending, "position": writer.position, "said": list(errors)}
limit(-1)
if how == "wait":
    deadline = time.monotonic() + 20
    while writer.pending:
        assert time.monotonic() < deadline
        time.sleep(0.001)
elif how == "flush":
    writer.flush()
for payload in payloads[40:]:
    writer.append(payload)
writer.close()
print(json.dumps({**seen, "lost": writer.lost, "left": writer.pending, "errors": errors}))
"""


def _limited(path: Path, size: int, fsync: str, how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(path), str(size), fsync, how],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize(
    ("fsync", "how"),
    [("never", "flush"), ("never", "close"), ("interval", "wait"), ("always", "flush")],
)
@pytest.mark.parametrize("size", [0, 3, 7, 10, 32_768, 32_770, 40_000])
def test_a_full_disk_costs_nothing_when_space_returns(
    size: int, fsync: str, how: str, tmp_path: Path
) -> None:
    path = tmp_path / "run-a.wandb"
    told = _limited(path, size, fsync, how)
    assert told["said"] == [errno.EFBIG], "said once"
    assert told["errors"] == [errno.EFBIG]
    assert 0 < told["pending"] <= 40
    assert told["position"] <= size
    assert (told["lost"], told["left"]) == (0, 0)
    items = read(path.read_bytes())
    assert gaps_of(items) == []
    assert payloads_of(items) == [b"%d " % number * 700 for number in range(60)]
    assert items[-1].end == path.stat().st_size


class Disk:
    """Stands before `os.write`, `os.ftruncate` and `os.fsync` and fails them when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing: set[str] = set()
        self.calls: list[str] = []
        for name in ("write", "ftruncate", "fsync"):
            monkeypatch.setattr(os, name, self._guarded(name, getattr(os, name)))

    def _guarded(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *rest: Any) -> Any:
            self.calls.append(name)
            if name == "write" and "half" in self.failing:
                self.failing = (self.failing - {"half"}) | {"write"}
                return real(fd, rest[0][: len(rest[0]) // 2])
            if name in self.failing:
                raise OSError(errno.ENOSPC, "no space")
            return real(fd, *rest)

        return call


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run-a.wandb"


def test_half_a_frame_that_cannot_be_cut_off_is_cut_before_the_next_write(
    disk: Disk, path: Path
) -> None:
    journal = Writer(path, fsync="never")
    journal.append(b"a")
    disk.failing = {"half", "ftruncate"}
    journal.append(b"b" * 100)
    assert path.stat().st_size > journal.position
    disk.failing = {"ftruncate"}
    disk.calls.clear()
    journal.flush()
    assert "write" not in disk.calls
    disk.failing.clear()
    journal.append(b"c")
    journal.flush()
    journal.close()
    items = read(path.read_bytes())
    assert payloads_of(items) == [b"a", b"b" * 100, b"c"]
    assert gaps_of(items) == []


def test_what_cannot_be_synced_is_not_there_twice(disk: Disk, path: Path) -> None:
    journal = Writer(path, fsync="always")
    disk.failing = {"fsync"}
    journal.append(b"a")
    assert journal.pending == 1
    disk.failing.clear()
    journal.append(b"b")
    journal.flush()
    journal.close()
    assert payloads_of(read(path.read_bytes())) == [b"a", b"b"]


def test_each_time_the_disk_begins_to_say_no_it_is_said(disk: Disk, path: Path) -> None:
    said: list[OSError] = []
    journal = Writer(path, fsync="never", on_error=said.append)
    for times in range(1, 4):
        disk.failing = {"write"}
        for _ in range(5):
            journal.append(b"x")
        assert len(said) == times
        disk.failing.clear()
        journal.flush()
        assert journal.pending == 0
    journal.close()
    assert len(payloads_of(read(path.read_bytes()))) == 15


def test_a_full_disk_is_not_tried_at_every_append(disk: Disk, path: Path) -> None:
    journal = Writer(path, fsync="never")
    disk.failing = {"write"}
    journal.append(b"x")
    disk.calls.clear()
    for _ in range(1000):
        journal.append(b"x")
    assert disk.calls.count("write") < 20
    disk.failing.clear()
    journal.close()
    assert journal.lost == 0
    assert len(payloads_of(read(path.read_bytes()))) == 1001


def test_what_waits_is_bounded_and_what_is_dropped_is_counted(
    disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert writer._MAX_WAITING == 64 << 20
    monkeypatch.setattr(writer, "_MAX_WAITING", 100)
    journal = Writer(path, fsync="never")
    disk.failing = {"write"}
    for number in range(10):
        journal.append(b"%d" % number * 30)
    assert (journal.pending, journal.lost) == (3, 7)
    disk.failing.clear()
    journal.flush()
    assert (journal.pending, journal.lost) == (0, 7)
    for number in range(10, 13):
        journal.append(b"%d" % number * 30)
    journal.close()
    wanted = [b"%d" % number * 30 for number in (0, 1, 2, 10, 11, 12)]
    assert payloads_of(read(path.read_bytes())) == wanted


def test_what_still_waits_at_the_end_is_lost_and_counted(disk: Disk, path: Path) -> None:
    journal = Writer(path, fsync="never")
    journal.append(b"a")
    disk.failing = {"write"}
    journal.append(b"b")
    journal.append(b"c")
    journal.close()
    assert (journal.pending, journal.lost) == (0, 2)
    assert payloads_of(read(path.read_bytes())) == [b"a"]


def test_a_disk_that_is_full_from_the_start(disk: Disk, path: Path) -> None:
    disk.failing = {"write"}
    journal = Writer(path, fsync="never")
    assert journal.position == 0
    journal.append(b"a")
    assert path.read_bytes() == b""
    disk.failing.clear()
    journal.flush()
    journal.close()
    assert path.read_bytes().startswith(HEADER)
    assert payloads_of(read(path.read_bytes())) == [b"a"]


def test_an_fsync_that_fails_in_the_background_is_said_and_tried_again(
    disk: Disk, path: Path
) -> None:
    said: list[OSError] = []
    journal = Writer(path, fsync="interval", interval=0.002, on_error=said.append)
    disk.failing = {"fsync"}
    journal.append(b"a")
    deadline = time.monotonic() + 10
    while disk.calls.count("fsync") < 5:
        journal.append(b"a")
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert len(said) == 1
    disk.failing.clear()
    while journal._dirty:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    journal.close()
    assert set(payloads_of(read(path.read_bytes()))) == {b"a"}
