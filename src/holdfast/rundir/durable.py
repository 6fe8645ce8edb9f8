"""Names that survive a power cut.

Owns how a folder is brought to stable storage. Must not know what lies in it.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["sync_folder"]


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where the system and the filesystem can."""
    with contextlib.suppress(OSError):  # Windows opens no folders, some filesystems sync none
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
