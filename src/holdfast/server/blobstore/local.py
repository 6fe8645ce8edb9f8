"""Blobs as files in a folder: the store of a server without any service beside it.

Layout: ``blobs/<name>`` and ``uploads/<upload>``. A put is written to ``uploads/put/<token>``,
synced, renamed and its folder synced, so that a name is either absent or whole. One process
owns the folder.
"""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from holdfast.errors import NotFoundError, StorageError
from holdfast.server.blobstore.contract import Blob, check_name, offset_mismatch, storage_full

__all__ = ["LocalBlobStore"]

_PART = 1024 * 1024
# EFBIG: the process may not write files of this size (ulimit); for us as good as no room
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_STRIPES = 64


class LocalBlobStore:
    """A `BlobStore` in the folder ``root``, which is made when it is not there."""

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs"
        self._uploads = root / "uploads"
        self._naming = threading.Lock()
        self._appending = tuple(threading.Lock() for _ in range(_STRIPES))
        self._made: set[Path] = set()
        with _translated("make the folders of", str(root)):
            self._make(self._blobs)
            self._make(self._uploads / "put")

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        """See `BlobStore.put`."""
        path = self._blobs / check_name(name)
        if path.exists():
            with _translated("write", name):
                _sync_folder(path.parent)  # another put may have named it and not synced yet
            return self.size(name)
        draft = self._uploads / "put" / secrets.token_hex(8)
        with _translated("write", name):
            try:
                with open(draft, "xb", buffering=0) as file:
                    size = sum(_write_all(file, chunk) for chunk in chunks)
                    os.fsync(file.fileno())
                self._name(draft, path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        return size

    def get(self, name: str) -> bytes:
        """See `BlobStore.get`."""
        with _translated("read", name):
            return (self._blobs / check_name(name)).read_bytes()

    def open(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """See `BlobStore.open`."""
        with _translated("read", name):
            file = open(self._blobs / check_name(name), "rb", buffering=0)  # noqa: SIM115  _parts closes
        return _parts(file, name, start, end)

    def exists(self, name: str) -> bool:
        """See `BlobStore.exists`."""
        return (self._blobs / check_name(name)).exists()

    def size(self, name: str) -> int:
        """See `BlobStore.size`."""
        with _translated("look at", name):
            return (self._blobs / check_name(name)).stat().st_size

    def delete(self, name: str) -> None:
        """See `BlobStore.delete`."""
        with _translated("delete", name):
            (self._blobs / check_name(name)).unlink(missing_ok=True)

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """See `BlobStore.list`."""
        return (blob for blob in _walk(self._blobs) if blob.name.startswith(prefix))

    def append(self, upload: str, offset: int, data: bytes) -> int:
        """See `BlobStore.append`."""
        path = self._uploads / check_name(upload)
        with self._appending[hash(upload) % _STRIPES], _translated("write", upload):
            there = _size(path)
            if there != offset:
                raise offset_mismatch(there)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "ab", buffering=0) as file:
                try:
                    return offset + _write_all(file, data)
                except OSError:
                    file.truncate(offset)
                    if not offset:
                        path.unlink()
                    raise

    def uploaded(self, upload: str) -> int:
        """See `BlobStore.uploaded`."""
        path = self._uploads / check_name(upload)
        with _translated("look at", upload):
            return _size(path)

    def read_upload(self, upload: str) -> Iterator[bytes]:
        """See `BlobStore.read_upload`."""
        with _translated("read", upload):
            file = open(self._uploads / check_name(upload), "rb", buffering=0)  # noqa: SIM115  as above
        return _parts(file, upload, 0, None)

    def finish(self, upload: str, name: str) -> None:
        """See `BlobStore.finish`."""
        draft = self._uploads / check_name(upload)
        with _translated("write", name):
            with open(draft, "rb") as file:
                os.fsync(file.fileno())
            os.utime(draft)  # a blob's age counts from its naming: sweepers spare the young
            self._name(draft, self._blobs / check_name(name))

    def drop(self, upload: str) -> None:
        """See `BlobStore.drop`."""
        with _translated("delete", upload):
            (self._uploads / check_name(upload)).unlink(missing_ok=True)

    def uploads(self) -> Iterator[Blob]:
        """See `BlobStore.uploads`; the drafts of puts are among them, as ``put/…``."""
        return _walk(self._uploads)

    def _name(self, draft: Path, path: Path) -> None:
        """Give a synced file its name, durably, unless the name is taken."""
        self._make(path.parent)
        with self._naming:
            if path.exists():
                draft.unlink()
            else:
                draft.rename(path)
        _sync_folder(path.parent)

    def _make(self, folder: Path) -> None:
        """Make a folder that survives a power cut: each new one is synced into its parent."""
        if folder in self._made:
            return
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)
        self._made.add(folder)


def _size(path: Path) -> int:
    """How long a file is; 0 without one. It may go, or get another name, at any moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _write_all(file: BinaryIO, data: bytes) -> int:
    """Write all of ``data``: one call may write a part of it on a disk that is nearly full."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
    return len(data)


def _parts(file: BinaryIO, name: str, start: int, end: int | None) -> Iterator[bytes]:
    with file, _translated("read", name):
        file.seek(start)
        while end is None or start < end:
            part = file.read(_PART if end is None else min(_PART, end - start))
            if not part:
                return
            start += len(part)
            yield part


def _walk(root: Path) -> Iterator[Blob]:
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # deleted since the folder was read
            yield Blob(path.relative_to(root).as_posix(), stat.st_size, stat.st_mtime)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no handle of a folder to sync; its file systems journal names
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(verb: str, name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no blob {name}") from error
    except OSError as error:
        if error.errno in _FULL:
            raise storage_full(f"cannot {verb} blob {name}") from error
        raise StorageError(
            f"cannot {verb} blob {name}: {error.strerror}",
            "look at the rights and the health of the data folder",
        ) from error
