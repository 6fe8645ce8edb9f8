"""On which filesystem a folder lies, and whether other machines see it too.

Owns the list of kinds. Must not know what is in the folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

__all__ = ["Mount", "is_shared", "mount_of"]

#: kinds of filesystems that several machines share, with their names for people
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

_MOUNTS = Path("/proc/self/mountinfo")
_MOST_KNOWN = 1000
_known: dict[int, bool] = {}


class Mount(NamedTuple):
    """A mounted filesystem: where, its type, its options."""

    where: Path
    kind: str
    options: frozenset[str]

    @property
    def shared_as(self) -> str:
        """What people call it, if it is of a kind that several machines share; else empty.

        >>> Mount(Path("/home"), "nfs4", frozenset()).shared_as
        'NFS'
        """
        return _SHARED.get(self.kind.lower(), "")

    @property
    def served_by(self) -> str:
        """The program that serves it, if it is FUSE (``some`` where that is not said); else empty.

        >>> Mount(Path("/data"), "fuse.sshfs", frozenset()).served_by
        'sshfs'
        """
        kind = self.kind.lower()
        return kind.partition(".")[2] or "some" if kind.startswith("fuse") else ""


def mount_of(folder: Path, mounts: str | None = None) -> Mount | None:
    """The mount that a folder lies on; None where the system does not tell.

    Args:
        folder: absolute, without links.
        mounts: text of ``/proc/self/mountinfo``; None reads it.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:  # not Linux
            return None
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


def is_shared(folder: Path) -> bool:
    """Whether other machines may see a folder too; False where the system does not tell.

    It is asked often, of folders on few filesystems: what is found is kept by the number that the
    system gave to the filesystem.

    Raises:
        OSError: the folder cannot be looked at.
    """
    device = os.stat(folder).st_dev
    if device not in _known:
        mount = mount_of(folder.resolve())
        if len(_known) >= _MOST_KNOWN:  # mounts that come and go
            _known.clear()
        # What a program serves (sshfs, a cloud's storage) may be anywhere.
        _known[device] = mount is not None and bool(mount.shared_as or mount.served_by)
    return _known[device]
