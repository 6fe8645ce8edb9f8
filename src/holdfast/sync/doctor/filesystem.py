"""The filesystem of a folder: which kind, and what that means for locks, watching and names.

Owns that list. Must not know what is in the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from holdfast.sync.doctor.finding import Finding

__all__ = ["Mount", "look_at_filesystem", "mount_of"]

_SUBJECT = "filesystem"
_MOUNTS = Path("/proc/self/mountinfo")
_SEEN_LATE = "a lock is seen on other machines late or never; whether a writer lives is told by "
_SILENCE = "its silence: a run of another machine counts as ended after 5 minutes without a write"
_SHARED = {
    "nfs": "NFS",
    "nfs4": "NFS",
    "lustre": "Lustre",
    "gpfs": "GPFS (Spectrum Scale)",
    "beegfs": "BeeGFS",
    "ceph": "CephFS",
    "panfs": "PanFS",
    "cifs": "SMB",
    "smb3": "SMB",
    "9p": "9P",
    "afs": "AFS",
}


class Mount(NamedTuple):
    """A mounted filesystem: where, its type, its options."""

    where: Path
    kind: str
    options: frozenset[str]


def mount_of(folder: Path, mounts: str) -> Mount | None:
    """The mount that a folder (absolute, without links) lies on, by the text of ``mountinfo``."""
    best: Mount | None = None
    for line in mounts.splitlines():
        head, found, tail = line.partition(" - ")
        fields, kinds = head.split(" "), tail.split(" ")
        if not found or len(fields) < 6 or not kinds[0]:
            continue
        where = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        options = frozenset([*fields[5].split(","), *kinds[-1].split(",")])
        # Of two on one place the later one covers the earlier.
        deeper = best is None or len(where.parts) >= len(best.where.parts)
        if deeper and (where == folder or where in folder.parents):
            best = Mount(where, kinds[0], options)
    return best


def look_at_filesystem(folder: Path, mounts: str | None = None) -> Iterator[Finding]:
    """What is special about the filesystem of a folder; nothing where nothing is.

    Args:
        folder: which exists.
        mounts: text of ``/proc/self/mountinfo``; None reads it, where the system has it.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:
            mounts = ""  # not Linux: what follows does not depend on it
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
    kind = mount.kind.lower()
    if kind in _SHARED:
        what = f"{_SHARED[kind]}, a filesystem that several machines share"
        yield Finding(_SUBJECT, "note", what, evidence, _SEEN_LATE + _SILENCE, folder)
    elif kind.startswith("fuse"):
        name = kind.partition(".")[2] or "some"
        what = f"FUSE ({name}): a program serves this filesystem"
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
