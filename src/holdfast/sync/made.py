"""Which runs a command made: those whose journals are new or have grown since it began.

Must not know how a command is run, nor what is done with its runs.
"""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import NotFoundError, StorageError
from holdfast.rundir import RunDir, discover

__all__ = ["Before"]


class Before:
    """The runs below a folder as they are now.

    Args:
        root: the folder; it may be missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen = _seen(root)

    def made(self) -> list[RunDir]:
        """The runs that have appeared or grown since, in order of start."""
        return [run for run, seen in _seen(self._root).items() if self._seen.get(run) != seen]


def _seen(root: Path) -> dict[RunDir, tuple[int, int]]:
    found = {}
    try:
        for run_dir in discover(root):
            status = run_dir.journal.stat()
            found[run_dir] = (status.st_size, status.st_mtime_ns)
    except (NotFoundError, StorageError, OSError):
        pass  # no such folder (yet), or a run that went meanwhile: there is nothing to send there
    return found
