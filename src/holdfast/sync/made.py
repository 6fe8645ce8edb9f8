"""Which runs a command made: those whose journals are new or have grown since it began.

Must not know how a command is run, nor what is done with its runs.
"""

from __future__ import annotations

import contextlib
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
        try:
            self._seen = _seen(root)
        except StorageError:
            # No reason to hold the command up. `made` says it, unless the folder can be read then:
            # what was there before counts as made, and sending it again changes nothing.
            self._seen = {}

    def made(self) -> list[RunDir]:
        """The runs that have appeared or grown since, in order of start.

        Raises:
            StorageError: the folder cannot be read.
        """
        return [run for run, seen in _seen(self._root).items() if self._seen.get(run) != seen]


def _seen(root: Path) -> dict[RunDir, tuple[int, int]]:
    try:
        runs = list(discover(root))
    except NotFoundError:  # no such folder yet
        return {}
    found = {}
    for run_dir in runs:
        with contextlib.suppress(OSError):  # it went since it was listed: nothing there to send
            status = run_dir.journal.stat()
            found[run_dir] = (status.st_size, status.st_mtime_ns)
    return found
