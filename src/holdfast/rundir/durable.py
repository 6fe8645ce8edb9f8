"""Names that survive a power cut.

Owns how a folder is brought to stable storage. Must not know what lies in it.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

__all__ = ["sync_folder"]

#: how systems and filesystems say that a folder cannot be opened or synced at all
_NOT_POSSIBLE = frozenset(
    {
        errno.EACCES,
        errno.EBADF,
        errno.EINVAL,
        errno.EISDIR,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,
    }
)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where that is possible.

    Raises:
        OSError: the disk said no, or there is no such folder.
    """
    try:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _NOT_POSSIBLE:
            raise
