"""Blobs in memory: the smallest thing that keeps the contract; for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator

from holdfast.errors import NotFoundError
from holdfast.server.blobstore.contract import Blob, check_name, offset_mismatch

__all__ = ["MemoryBlobStore"]


class MemoryBlobStore:
    """A `BlobStore` that forgets everything when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blobs: dict[str, tuple[bytes, float]] = {}
        self._uploads: dict[str, tuple[bytes, float]] = {}

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        """See `BlobStore.put`."""
        if not self.exists(name):
            data = b"".join(chunks)
            with self._lock:
                self._blobs.setdefault(name, (data, time.time()))
        return self.size(name)

    def get(self, name: str) -> bytes:
        """See `BlobStore.get`."""
        return _found(self._blobs, name)

    def open(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See `BlobStore.open`."""
        return iter([part] if (part := self.get(name)[start:end]) else [])

    def exists(self, name: str) -> bool:
        """See `BlobStore.exists`."""
        return check_name(name) in self._blobs

    def size(self, name: str) -> int:
        """See `BlobStore.size`."""
        return len(self.get(name))

    def delete(self, name: str) -> None:
        """See `BlobStore.delete`."""
        self._blobs.pop(check_name(name), None)

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """See `BlobStore.list`."""
        return (blob for blob in _listed(self._blobs) if blob.name.startswith(prefix))

    def append(self, upload: str, offset: int, data: bytes) -> int:
        """See `BlobStore.append`."""
        with self._lock:
            there = self._uploads.get(check_name(upload), (b"", 0.0))[0]
            if len(there) != offset:
                raise offset_mismatch(len(there))
            self._uploads[upload] = (there + data, time.time())
            return offset + len(data)

    def uploaded(self, upload: str) -> int:
        """See `BlobStore.uploaded`."""
        return len(self._uploads.get(check_name(upload), (b"", 0.0))[0])

    def read_upload(self, upload: str) -> Iterator[bytes]:
        """See `BlobStore.read_upload`."""
        return iter([_found(self._uploads, upload)])

    def finish(self, upload: str, name: str) -> None:
        """See `BlobStore.finish`."""
        self.put(name, [_found(self._uploads, upload)])
        self.drop(upload)

    def drop(self, upload: str) -> None:
        """See `BlobStore.drop`."""
        self._uploads.pop(check_name(upload), None)

    def uploads(self) -> Iterator[Blob]:
        """See `BlobStore.uploads`."""
        return _listed(self._uploads)


def _found(held: dict[str, tuple[bytes, float]], name: str) -> bytes:
    try:
        return held[check_name(name)][0]
    except KeyError:
        raise NotFoundError(f"there is no blob {name}") from None


def _listed(held: dict[str, tuple[bytes, float]]) -> Iterator[Blob]:
    return iter([Blob(name, len(data), modified) for name, (data, modified) in held.items()])
