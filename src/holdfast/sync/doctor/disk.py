"""Room on disks: here, where temporary files go, at the server; bytes and inodes.

Owns the marks at which it is said. Must not know what fills the disk.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from holdfast.sync.doctor.finding import Finding, Severity
from holdfast.wire import Room

__all__ = ["look_at_disk", "look_at_server_disk", "look_at_temporary", "mark_of"]

_SUBJECT = "disk"
_MARKS: tuple[tuple[float, Severity], ...] = ((0.95, "error"), (0.9, "warning"), (0.8, "note"))
_TRIED_BYTES = 64 << 10
_SMALL_BYTES = 64 << 20
_CURE_THERE = "ask who runs the server to free some space: what it has no room for stays here"
_CURE = "free some space; `holdfast sync --clean` removes runs that the server has confirmed"


def look_at_disk(folder: Path) -> Iterator[Finding]:
    """How full the disk of a folder is."""
    try:
        room = Room.of(folder)
    except OSError as error:
        said = error.strerror or str(error)
        yield Finding(_SUBJECT, "error", "the disk cannot be asked for its room", said, "", folder)
        return
    yield from _try(folder)
    yield from _found(room, "the disk", f"{folder}: ", _CURE, folder)


def look_at_server_disk(room: Room | None) -> Iterator[Finding]:
    """How full the disk is on which the server, or a relay before it, keeps things."""
    if room is not None:
        yield from _found(room, "the server's disk", "", _CURE_THERE)


def _try(folder: Path) -> Iterator[Finding]:
    """Whether the disk takes a few bytes: a quota shows in no number, only when one writes."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        words = {errno.EDQUOT: "your quota here is used up", errno.ENOSPC: "the disk is full"}
        what = words.get(error.errno or 0)
        if what:
            yield Finding(_SUBJECT, "error", what, f"{folder}: {error.strerror}", _CURE, folder)
        # Whatever else the disk says (read-only, no right) is told with the folder.


def mark_of(share: float) -> Severity:
    """How grave it is that so much of a disk is used: 80, 90 and 95 % are the marks."""
    return next((severity for mark, severity in _MARKS if share >= mark), "ok")


def _found(
    room: Room, disk: str, where: str, cure: str, folder: Path | None = None
) -> Iterator[Finding]:
    severity = mark_of(room.used)
    free = f"{where}{room.free_bytes / 1e9:,.1f} GB free"
    do = "" if severity == "ok" else cure
    yield Finding(_SUBJECT, severity, f"{disk} is {room.used:.0%} full", free, do, folder)
    severity = mark_of(room.inodes_used)
    if severity != "ok":
        what = f"{room.inodes_used:.0%} of the inodes of {disk} are used"
        yield Finding(_SUBJECT, severity, what, f"{where}{room.free_inodes:,} free", cure, folder)


def look_at_temporary() -> Iterator[Finding]:
    """Whether temporary files have a place, and room."""
    try:
        folder = Path(tempfile.gettempdir())
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Finding(
            _SUBJECT,
            "warning",
            "no temporary file can be made",
            error.strerror or str(error),
            "set TMPDIR to a folder that you may write to and that has room",
        )
        return
    if free < _SMALL_BYTES:
        yield Finding(
            _SUBJECT,
            "warning",
            "the folder for temporary files is nearly full",
            f"{folder}: {free / 1e6:,.0f} MB free",
            "set TMPDIR to a folder with room: scripts and their libraries need it",
            folder,
        )
