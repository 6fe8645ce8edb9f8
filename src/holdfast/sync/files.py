"""The files of a run folder: which there are, and their digests.

Owns the walk below ``files/``. Follows links to regular files (that is how `run.save` puts them
there), never links to folders, and opens nothing that could block. Must not know servers.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import RefusedError, StorageError
from holdfast.rundir import IGNORE_FILE, read_ignored
from holdfast.sync.wanted import EVERY_FILE, Wanted
from holdfast.wire import FileEntry, check_file_path
from holdfast.wire.digests import digest_of_file

__all__ = ["Catalogue", "ChangedError", "Some", "every", "open_regular"]

Some = Callable[[int], bool]
"""Which files are meant, by their size in bytes."""


def every(_size: int) -> bool:
    """All of them."""
    return True


class ChangedError(Exception):
    """A file is no longer what it was when its digest was taken."""


@dataclass(frozen=True)
class _Stamp:
    """What tells that a file was not touched: its size, time of change and inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class _Odd:
    """A name that is no file to send, why, and whether bytes lie behind it that should be sent."""

    why: str
    lost: bool


@dataclass
class Catalogue:
    """The files of one run folder; `refresh` looks again and digests only what was touched.

    Attributes:
        entries: what can be sent, by path.
        skipped: a line for each thing that is no file (socket, dangling link, …): nothing is lost.
        unreadable: a line for each file that lies there and cannot be read.
        waiting: bytes of files that are new or changed and were not meant, at the last look.
        left_out: how many files there are that are not wanted.
        ignored: the files that the run's own ignore file leaves out: they are none of the run's.
    """

    root: Path
    wanted: Wanted = EVERY_FILE
    entries: dict[str, FileEntry] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    waiting: int = 0
    left_out: int = 0
    ignored: list[str] = field(default_factory=list)
    _stamps: dict[str, _Stamp] = field(default_factory=dict)

    def refresh(self, *, some: Some = every, stop: Callable[[], bool] = lambda: False) -> None:
        """Look again.

        Args:
            some: of which files digests are taken; the others stay as they are.
            stop: asked between files; True leaves the rest for later.
        """
        self.skipped, self.unreadable, self.ignored = [], [], []
        self.waiting = self.left_out = 0
        ignored = Wanted(exclude=self._ignored())
        seen = set()
        for path, found in _walk(self.root):
            if stop():
                return
            if not ignored.takes(path):
                self.ignored.append(path)
                continue
            if not self.wanted.takes(path):
                self.left_out += 1
                continue
            if isinstance(found, _Odd):
                (self.unreadable if found.lost else self.skipped).append(f"{path}: {found.why}")
                continue
            seen.add(path)
            if self._stamps.get(path) != found:
                if some(found.size):
                    self._digest(path, found)
                else:
                    self.waiting += found.size
        for path in set(self.entries) - seen:
            self.forget(path)

    def forget(self, path: str) -> None:
        """Drop an entry, so that the next `refresh` takes its digest again."""
        self.entries.pop(path, None)
        self._stamps.pop(path, None)

    def find_ignored(self) -> list[str]:
        """The files that the run's own ignore file leaves out, without opening one."""
        ignored = Wanted(exclude=self._ignored())
        return [path for path, _ in _walk(self.root) if not ignored.takes(path)]

    def fingerprint(self) -> str:
        """A digest of names, sizes and times of all files, without opening one."""
        hasher = hashlib.sha256()
        for path, found in _walk(self.root):
            hasher.update(f"{path}\0{found}\n".encode("utf-8", "surrogateescape"))
        return hasher.hexdigest()[:32]

    def _ignored(self) -> tuple[str, ...]:
        try:
            return read_ignored(self.root)
        except OSError as error:
            # As long as it cannot be read, what must stay here is not known.
            what = f"cannot read {self.root / IGNORE_FILE}: {error.strerror or error}"
            raise StorageError(what, "give read permission, or remove it") from error

    def _digest(self, path: str, stamp: _Stamp) -> None:
        self.forget(path)
        try:
            check_file_path(path)
            with open_regular(self.root / path) as descriptor:
                stamp = _stamp(os.fstat(descriptor.fd))
                digest, size = digest_of_file(descriptor.fd)
        except RefusedError as error:
            self.unreadable.append(f"{path.encode('utf-8', 'replace').decode()}: {error.what}")
            return
        except OSError as error:
            self.unreadable.append(f"{path}: {error.strerror or error}")
            return
        self.entries[path] = FileEntry(path, size, digest)
        # A file that grew while it was read keeps the stamp from before: the next look sees it.
        self._stamps[path] = stamp


class open_regular:  # noqa: N801 - a context manager that reads like `open`
    """Open a regular file for reading by its descriptor, without blocking on a FIFO or device.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        self.fd = os.open(path, flags | getattr(os, "O_BINARY", 0))
        if not stat.S_ISREG(os.fstat(self.fd).st_mode):
            os.close(self.fd)
            raise OSError(errno.EINVAL, "no regular file", str(path))

    def __enter__(self) -> open_regular:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)


def _walk(root: Path) -> Iterator[tuple[str, _Stamp | _Odd]]:
    """Every name below ``root`` in order, with its stamp, or why it is no file to send."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as found:
                items = sorted(found, key=lambda item: item.name)
        except FileNotFoundError:
            continue  # no files at all, or removed a moment ago
        except OSError as error:
            yield folder or ".", _Odd(f"folder cannot be read ({error.strerror})", lost=True)
            continue
        below = []
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if item.is_dir(follow_symlinks=False):
                below.append(path)
                continue
            yield path, _look(item)
        pending.extend(reversed(below))


def _look(item: os.DirEntry[str]) -> _Stamp | _Odd:
    try:
        found = item.stat()
    except OSError as error:
        why = error.strerror or str(error)
        gone = isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP
        return _Odd(f"link to nothing ({why})" if gone else why, lost=not gone)
    if stat.S_ISREG(found.st_mode):
        # DirEntry.stat() leaves the inode 0 on Windows; size and time tell enough there.
        return _stamp(found)
    return _Odd(
        "link to a folder" if stat.S_ISDIR(found.st_mode) else "no regular file", lost=False
    )


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
