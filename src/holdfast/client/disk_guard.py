"""A disk that fills up: what can wait is paused, so that metrics go on.

Owns the marks and the count of what was left out. Asked from the thread beside training, never from
`log`. Must not know what is paused, but its three kinds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from holdfast.client.notice import Notices, near
from holdfast.records import encode

__all__ = ["DiskGuard", "fullness"]

_MARKS = (0.80, 0.90, 0.95)
_WARNED, _NO_COPIES, _METRICS_ONLY = 1, 2, 3


def fullness(path: str | os.PathLike[str]) -> float:
    """How full the disk of a folder is for this user, from 0 to 1; 0 where that is not known."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return 0.0
    there = usage.used + usage.free  # without what only root may take
    return usage.used / there if there else 0.0


class DiskGuard:
    """Looks at the disk of one run.

    Args:
        path: the run folder.
        notices: who is warned.
        write: appends a record to the journal.
        look: how full the disk is.

    Attributes:
        copies: copies of files left out so far. console: characters. readings: system metrics.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        notices: Notices,
        write: Callable[[bytes], None],
        look: Callable[[str | os.PathLike[str]], float] = fullness,
    ) -> None:
        self.copies = self.console = self.readings = 0
        self._path = path
        self._notices = notices
        self._write = write
        self._look = look
        self._level = 0
        self._told = (0, 0, 0)

    @property
    def may_copy(self) -> bool:
        """Whether files may be put into the run folder."""
        return self._level < _NO_COPIES

    @property
    def metrics_only(self) -> bool:
        """Whether console text and system metrics are paused."""
        return self._level >= _METRICS_ONLY

    def check(self) -> None:
        """Look at the disk; pause or go on."""
        full = self._look(self._path)
        level = sum(full >= mark for mark in _MARKS)
        if level < self._level:
            self.tell()
        self._level = level
        if level >= _WARNED:
            self._notices.warn_once(
                "disk nearly full",
                f"the disk of {near(self._path)} is {full:.0%} full: from 90 % copies of files "
                "pause, from 95 % console and system metrics too; metrics go on",
            )

    def tell(self) -> None:
        """Write down what was left out, if that is more than before."""
        now = (self.copies, self.console, self.readings)
        if now != self._told:
            self._told = now
            self._write(encode.paused(*now))

    def losses(self) -> str:
        """What was left out, in words; empty when nothing was."""
        said = [
            (self.copies, "files not copied"),
            (self.console, "characters of console text"),
            (self.readings, "readings of system metrics"),
        ]
        return ", ".join(f"{what}: {count:,}" for count, what in said if count)
