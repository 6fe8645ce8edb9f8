"""How much room a disk has: measured where it is, and told to those who send there.

Must not know what fills it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from holdfast.wire.fields import Fields

__all__ = ["Room"]


@dataclass(frozen=True)
class Room:
    """The room of one disk, as ``df`` counts: what is kept for the administrator is none.

    Args:
        used: which share of it is used, from 0 to 1.
        free_bytes: what can still be written.
        inodes_used: as ``used``, of the number of files; 0 where there is no such limit.
        free_inodes: how many more files there may be.
    """

    used: float
    free_bytes: int
    inodes_used: float = 0.0
    free_inodes: int = 0

    @classmethod
    def of(cls, folder: Path) -> Room:
        """That of the disk on which a folder lies; OSError when it cannot be asked."""
        _, used, free = shutil.disk_usage(folder)
        inodes = os.statvfs(folder) if hasattr(os, "statvfs") else None
        if inodes is None or not inodes.f_files:
            return cls(_share(used, free), free)
        taken, left = inodes.f_files - inodes.f_ffree, inodes.f_favail
        return cls(_share(used, free), free, _share(taken, left), left)

    @classmethod
    def if_known(cls, folder: Path) -> Room | None:
        """The same; None when it cannot be asked: whoever writes there is told what is wrong."""
        try:
            return cls.of(folder)
        except OSError:
            return None

    def to_json(self) -> dict[str, object]:
        """The JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Room:
        """Read it; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "disk")
        return cls(
            fields.number("used"),
            fields.count("free_bytes"),
            fields.number("inodes_used"),
            fields.count("free_inodes"),
        )


def _share(used: int, free: int) -> float:
    return used / (used + free) if used + free else 0.0
