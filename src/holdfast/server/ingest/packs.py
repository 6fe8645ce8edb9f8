"""Small blobs that arrive together become one: one file, one sync of the disk for all of them.

Owns who writes for whom. Must not know whose bytes they are, or what they are called by.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from holdfast.server.blobstore import BlobStore

__all__ = ["Packer"]


class Packer:
    """Puts small blobs. While one thread writes, those that come meanwhile gather for the next."""

    def __init__(self) -> None:
        self._gathering = threading.Lock()
        self._writing = threading.Lock()
        self._next = _Pack()

    def put(self, blobs: BlobStore, name: str, parts: Sequence[bytes]) -> tuple[str, int]:
        """Store bytes durably; returns the blob that they lie in, one after the other, and where.

        Args:
            blobs: where to.
            name: a new name for the blob, if this thread writes it.
            parts: the bytes.

        Raises:
            RefusedError: 507 ``storage_full``, to all whose bytes were in that blob.
            StorageError: it cannot be written; the same.
        """
        with self._gathering:
            pack = self._next
            start = pack.add(parts)
        with self._writing:
            if not pack.name:
                with self._gathering:
                    self._next = _Pack()
                pack.write(blobs, name)
        if pack.failure is not None:
            raise pack.failure
        return pack.name, start


class _Pack:
    """Bytes that are written as one blob; it has a name from then on."""

    def __init__(self) -> None:
        self.name = ""
        self.failure: Exception | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, parts: Sequence[bytes]) -> int:
        """Add bytes; returns where they begin."""
        start = self._size
        self._parts.extend(parts)
        self._size += sum(map(len, parts))
        return start

    def write(self, blobs: BlobStore, name: str) -> None:
        """Write them; what fails is kept for all who wait."""
        self.name = name
        try:
            blobs.put(name, self._parts)
        except Exception as error:  # noqa: BLE001 - each of those who wait raises it
            self.failure = error
        self._parts = []
