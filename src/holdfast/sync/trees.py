"""Where runs may appear: folders that are looked through again and again, at a bounded cost.

Owns which folders are read again and when. A folder whose time of change stands still is not
read. Must not know what is done with a run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import HoldfastError, NotFoundError, StorageError
from holdfast.rundir import RunDir
from holdfast.rundir.discover import folders_among, journals_among

__all__ = ["Tree"]

_NEST_SECONDS = 2.0
_QUIET_SECONDS = 30.0
_FOLDERS_A_ROUND = 5000


@dataclass(slots=True)
class _Folder:
    """One folder as it was read last."""

    above: _Folder | None
    mtime_ns: int = -1
    again: bool = True
    due: float = 0.0
    nest: bool = False
    runs: dict[str, RunDir] = field(default_factory=dict)


class Tree:
    """A folder that holds runs at any depth, or one run's folder, or a journal.

    Args:
        path: may be missing now and appear later.
        clock: seconds that only grow.

    Attributes:
        error: why it cannot be read, or None.
    """

    lasting = True

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.error: HoldfastError | None = None
        self._clock = clock
        self._folders: dict[str, _Folder] = {}

    def find(self) -> Iterator[RunDir]:
        """The runs that appeared since the last call, each once.

        Folders in which runs lie are asked for their time of change every two seconds, others
        every half minute, and at most 5,000 of them a call; only what changed is read.
        """
        self.error = None
        try:
            top = self.path.resolve() if self.path.is_symlink() else self.path
            if top.is_file():
                yield from self._alone(top)
                return
            if not top.is_dir():
                self.error = NotFoundError(f"there is nothing at {top}", "it may appear later")
                return
        except OSError as error:
            self.error = _unreadable(error)
            return
        self._folders.setdefault(str(top), _Folder(None))
        now = self._clock()
        due = [name for name, folder in self._folders.items() if folder.due <= now]
        due.sort(key=lambda name: self._folders[name].due, reverse=True)
        for _ in range(_FOLDERS_A_ROUND):
            if not due:
                return
            name = due.pop()
            yield from self._read(name, due)

    def forget(self, run_dir: RunDir) -> None:
        """A run is gone; if it comes back, it is found again."""
        folder = self._folders.get(str(run_dir.path))
        if folder is not None:
            folder.runs.pop(run_dir.journal.name, None)
            folder.mtime_ns, folder.due = -1, 0.0

    def _alone(self, journal: Path) -> Iterator[RunDir]:
        folder = self._folders.setdefault(str(journal.parent), _Folder(None))
        if journal.name not in folder.runs:
            folder.runs[journal.name] = RunDir(journal)
            yield folder.runs[journal.name]

    def _read(self, name: str, due: list[str]) -> list[RunDir]:
        """One folder's new runs if it changed; folders that are new in it become due."""
        folder = self._folders[name]
        try:
            entries = self._entries(name, folder)
        except FileNotFoundError:
            del self._folders[name]
            return []
        except OSError as error:
            self.error = _unreadable(error)
            entries = None
        new = []
        if entries is not None:
            names = journals_among(one for one, is_folder in entries if not is_folder)
            new = [RunDir(Path(name, one)) for one in names if one not in folder.runs]
            folder.runs.update({run.journal.name: run for run in new})
            if new:
                _mark_nests(folder.above)
            inner = (one for one, is_folder in entries if is_folder)
            for one in folders_among(inner, beside_journal=bool(folder.runs)):
                path = os.path.join(name, one)
                if path not in self._folders:
                    self._folders[path] = _Folder(folder)
                    due.append(path)
        folder.due = self._clock() + (_NEST_SECONDS if _is_lively(folder) else _QUIET_SECONDS)
        return new

    def _entries(self, name: str, folder: _Folder) -> list[tuple[str, bool]] | None:
        """What lies in a folder, as (name, is a folder); None when it has not changed."""
        # Opened, for that makes a network filesystem ask its server when it changed.
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            mtime_ns = os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)
        changed = mtime_ns != folder.mtime_ns
        if not changed and not folder.again:
            return None
        with os.scandir(name) as found:
            entries = [(one.name, one.is_dir(follow_symlinks=False)) for one in found]
        # Once more after a change: times of change can be as coarse as two seconds.
        folder.mtime_ns, folder.again = mtime_ns, changed
        return entries


def _mark_nests(folder: _Folder | None) -> None:
    """Where one run lies the next will appear: beside its folder, or beside one above that."""
    while folder is not None and not folder.nest:
        folder.nest, folder.due = True, 0.0
        folder = folder.above


def _is_lively(folder: _Folder) -> bool:
    """Whether a run may appear in a folder at any time."""
    waits = folder.above is not None and folder.above.nest and not folder.runs
    return folder.nest or folder.again or waits


def _unreadable(error: OSError) -> StorageError:
    return StorageError(
        f"cannot read {error.filename}: {error.strerror or error}",
        "runs in it are not found until it can be read",
    )
