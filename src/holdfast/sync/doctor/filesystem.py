"""The filesystem of a folder: what its kind means for locks, watching and names.

Must not know what is in the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from holdfast.rundir.mounts import Mount, mount_of
from holdfast.sync.doctor.finding import Finding

__all__ = ["look_at_filesystem"]

_SUBJECT = "filesystem"
_SEEN_LATE = "a lock is seen on other machines late or never; whether a writer lives is told by "
_SILENCE = "its silence: a run of another machine counts as ended after 5 minutes without a write"


def look_at_filesystem(folder: Path, mounts: str | None = None) -> Iterator[Finding]:
    """What is special about the filesystem of a folder; nothing where nothing is.

    Args:
        folder: which exists.
        mounts: text of ``/proc/self/mountinfo``; None reads it, where the system has it.
    """
    real = folder.resolve()
    mount = mount_of(real, mounts)
    if mount is not None:
        yield from _kind(real, mount)
    if _ignores_case(real):
        yield Finding(
            _SUBJECT,
            "note",
            "upper and lower case are one name here",
            str(real),
            "give files of one run names that differ in more than case",
            folder,
        )


def _kind(folder: Path, mount: Mount) -> Iterator[Finding]:
    evidence = f"{folder} lies on {mount.where}, type {mount.kind}"
    if mount.shared_as:
        what = f"{mount.shared_as}, a filesystem that several machines share"
        yield Finding(_SUBJECT, "note", what, evidence, _SEEN_LATE + _SILENCE, folder)
    elif mount.served_by:
        what = f"FUSE ({mount.served_by}): a program serves this filesystem"
        cure = "locks and times may be its own; if a sync reads old bytes, sync where the disk is"
        yield Finding(_SUBJECT, "note", what, evidence, cure, folder)
    if "ro" in mount.options:
        yield Finding(
            _SUBJECT,
            "warning",
            "read-only: runs can be sent from here, but no receipt can be kept beside them",
            evidence,
            "every sync asks the server about each run again; nothing is sent twice",
            folder,
        )


def _ignores_case(folder: Path) -> bool:
    """Whether the folder answers to its name in other letters."""
    other = folder.with_name(folder.name.swapcase())
    try:
        return other != folder and os.path.samefile(folder, other)
    except OSError:
        return False
