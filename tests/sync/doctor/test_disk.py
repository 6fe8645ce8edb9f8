"""Room on disks: the marks, inodes, and a place for temporary files."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from holdfast.sync.doctor.disk import (
    look_at_disk,
    look_at_server_disk,
    look_at_temporary,
    mark_of,
)
from holdfast.wire import Room


@pytest.mark.parametrize(
    ("share", "severity"),
    [(0.0, "ok"), (0.79, "ok"), (0.8, "note"), (0.9, "warning"), (0.95, "error"), (1.0, "error")],
)
def test_the_marks(share: float, severity: str) -> None:
    assert mark_of(share) == severity


def test_this_disk(tmp_path: Path) -> None:
    first, *_ = look_at_disk(tmp_path)
    assert "full" in first.what
    [gone] = look_at_disk(tmp_path / "none")
    assert gone.severity == "error"


def test_a_full_disk_and_one_without_inodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(total=100, used=96, free=4)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: (usage.total, usage.used, usage.free))
    inodes = SimpleNamespace(f_files=1000, f_ffree=80, f_favail=80)
    monkeypatch.setattr(os, "statvfs", lambda _: inodes)
    full, none_left = look_at_disk(tmp_path)
    assert (full.severity, full.what) == ("error", "the disk is 96% full")
    assert "sync --clean" in full.cure
    assert (none_left.severity, none_left.what) == (
        "warning",
        "92% of the inodes of the disk are used",
    )


def test_the_disk_of_the_server() -> None:
    [good] = look_at_server_disk(Room(0.5, 10**12))
    assert (good.severity, good.what) == ("ok", "the server's disk is 50% full")
    full, no_inodes = look_at_server_disk(Room(0.96, 10**9, 0.91, 500))
    assert (full.severity, full.evidence) == ("error", "1.0 GB free")
    assert "who runs the server" in full.cure
    assert no_inodes.what == "91% of the inodes of the server's disk are used"
    assert not list(look_at_server_disk(None))  # one that cannot say


@pytest.mark.parametrize(
    ("number", "what"),
    [(errno.EDQUOT, "your quota here is used up"), (errno.ENOSPC, "the disk is full")],
)
def test_a_disk_that_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, what: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    first, *_ = look_at_disk(tmp_path)
    assert (first.severity, first.what) == ("error", what)
    assert list(tmp_path.iterdir()) == []


def test_no_place_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(look_at_temporary()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    [found] = look_at_temporary()
    assert "TMPDIR" in found.cure


def test_little_room_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(_: Any) -> SimpleNamespace:
        return SimpleNamespace(free=1 << 20)

    monkeypatch.setattr(shutil, "disk_usage", small)
    [found] = look_at_temporary()
    assert "nearly full" in found.what
