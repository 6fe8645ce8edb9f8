"""Regular files, opened so that nothing can block, and their digests.

Owns the opening, and the one pass that takes two digests. Must not know what a file is for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from holdfast.wire.digests import format_digest

__all__ = ["digest_if", "open_regular"]

_READ_BYTES = 1 << 20


class open_regular:  # noqa: N801 - a context manager that reads like `open`
    """Open a regular file for reading by its descriptor, without blocking on a FIFO or device.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path | str) -> None:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        self.fd = os.open(path, flags | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(self.fd).st_mode):
            os.close(self.fd)
            raise OSError(errno.EINVAL, "no regular file", str(path))

    def __enter__(self) -> open_regular:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def digest_if(fd: int, size: int, md5: bytes) -> str | None:
    """The digest of an open file, if it has so many bytes and this MD5; read once, bit by bit.

    Args:
        fd: its descriptor, from which nothing was read.
        size: how many bytes it should have.
        md5: the MD5 that they should have.

    Raises:
        OSError: it cannot be read.
    """
    ours, theirs = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    left = size
    while data := os.read(fd, min(_READ_BYTES, left + 1)):  # one more: it may be longer
        left -= len(data)
        if left < 0:
            return None
        ours.update(data)
        theirs.update(data)
    same = left == 0 and theirs.digest() == md5
    return format_digest(ours.hexdigest()) if same else None
