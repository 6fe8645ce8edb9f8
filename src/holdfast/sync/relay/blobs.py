"""Bytes of files in a spool, by digest: durable before anybody hears that they are there.

Owns the folder of blobs and the writes that survive a power cut. Must not know runs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from holdfast.errors import HoldfastError, RefusedError, StorageError
from holdfast.rundir.durable import sync_folder
from holdfast.wire import PartAnswer
from holdfast.wire.digests import digest_of_file

__all__ = ["Blobs", "told", "write_at", "write_whole"]

_LOCKS = 64


class Blobs:
    """Blobs below a folder. May be called from several threads.

    Digests are well-spelled: whoever calls has checked them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def find(self, digest: str) -> Path | None:
        """Where the bytes lie; None when they are not there."""
        path = self._path(digest)
        return path if path.exists() else None

    def state(self, digest: str) -> PartAnswer:
        """How much of a blob is there."""
        with told(self._folder):
            path = self._path(digest)
            if path.exists():
                return PartAnswer(path.stat().st_size, complete=True)
            return PartAnswer(_size(_part(path)), complete=False)

    def put_part(self, digest: str, offset: int, size: int, data: bytes) -> PartAnswer:
        """Append a part to a blob of ``size`` bytes.

        Raises:
            RefusedError: 409 ``offset_mismatch``, 422 ``invalid`` or ``digest_mismatch``.
            StorageError: the disk said no.
        """
        path = self._path(digest)
        part = _part(path)
        with self._lock(digest), told(path):
            if path.exists():
                self._keep_names({path.parent})  # an earlier try may have failed at this
                return PartAnswer(path.stat().st_size, complete=True)
            at = _size(part)
            if offset != at:
                raise _refused(
                    "offset_mismatch", 409, f"the part does not start at byte {at}", offset=at
                )
            if offset + len(data) > size:
                raise _refused("invalid", 422, f"the part ends after byte {size}, the blob's end")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_at(part, offset, data)
            if offset + len(data) < size:
                return PartAnswer(offset + len(data), complete=False)
            if _digest(part) != digest:
                part.unlink()
                raise _mismatch(digest)
            os.replace(part, path)
            self._keep_names({path.parent})
        return PartAnswer(size, complete=True)

    def put(self, blobs: Sequence[tuple[str, bytes]]) -> None:
        """Store whole blobs, each checked against its digest before; StorageError if not."""
        if not blobs:
            return
        folders = set()
        for digest, data in blobs:
            path = self._path(digest)
            with self._lock(digest), told(path):
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(path, data)
            folders.add(path.parent)  # also of one that is there: its name may not be durable yet
        self._keep_names(folders)

    def _keep_names(self, folders: Iterable[Path]) -> None:
        """Make the names in these folders durable, and theirs."""
        for folder in [*folders, self._folder]:
            with told(folder):
                sync_folder(folder)

    def _path(self, digest: str) -> Path:
        name = digest.partition(":")[2]
        return self._folder / name[:2] / name

    def _lock(self, digest: str) -> threading.Lock:
        return self._locks[int(digest[-2:], 16) % _LOCKS]


def write_at(path: Path, start: int, data: bytes) -> None:
    """Make a file's bytes from ``start`` on be ``data`` and nothing behind, durably; OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        if os.fstat(fd).st_size < start:
            raise OSError(errno.EIO, "it is shorter than it was", str(path))
        os.ftruncate(fd, start)  # what a killed relay was writing was never answered
        os.lseek(fd, start, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in its place in one step, its bytes durable before; OSError."""
    fresh = path.with_name(f".{path.name}.{threading.get_ident()}")
    try:
        write_at(fresh, 0, data)
        os.replace(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            fresh.unlink()
        raise


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Whatever the disk refuses about ``path`` becomes a StorageError."""
    try:
        yield
    except HoldfastError:
        raise
    except OSError as error:
        raise StorageError(
            f"the relay cannot keep {path.name}: {error.strerror or error}",
            f"look at rights and free space where its spool lies; {_free(path)}",
        ) from error


def _free(path: Path) -> str:
    for folder in path.parents:
        with contextlib.suppress(OSError):
            return f"{shutil.disk_usage(folder).free >> 20} MiB are free"
    return "how much is free is not known"


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return digest_of_file(file.fileno())[0]


def _mismatch(digest: str) -> RefusedError:
    return _refused("digest_mismatch", 422, f"the bytes are not what their digest {digest} says")


def _refused(code: str, status: int, what: str, **detail: object) -> RefusedError:
    return RefusedError(what, "send it again", status=status, code=code, detail=detail)
