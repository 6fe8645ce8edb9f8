"""What the client says to the person at the terminal: short plain lines on standard error.

Owns the words' way out and their rate (`once`). Must not know why something is said. A terminal
that is gone, or a stream that refuses, never breaks training.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable

__all__ = ["Notices", "near", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 40


class Notices:
    """Says lines on standard error.

    Args:
        silent: say nothing at all.
        quiet: say warnings only.
    """

    def __init__(self, *, silent: bool = False, quiet: bool = False) -> None:
        self.silent = silent
        self.quiet = quiet
        self._said: set[str] = set()

    def say(self, *lines: str) -> None:
        """Friendly lines: where the run lies, how it ended."""
        if not (self.silent or self.quiet):
            _print(lines)

    def warn(self, line: str) -> None:
        """Something went otherwise than the caller may think."""
        if not self.silent:
            _print([line])

    def warn_once(self, kind: str, line: str) -> None:
        """As `warn`, the first time for each ``kind`` only."""
        if kind not in self._said:
            self._said.add(kind)
            self.warn(line)


def near(path: str | os.PathLike[str]) -> str:
    """A path as seen from the current folder, where there is one on the same drive."""
    try:
        return os.path.relpath(path)
    except (ValueError, OSError):
        return os.fspath(path)


def sparkline(numbers: Iterable[float]) -> str:
    """A curve in one line of text; what is no finite number is a blank.

    >>> sparkline([0, 1, 2, 3])
    '▁▃▆█'
    """
    points = list(numbers)
    if len(points) > _WIDTH:
        points = [points[i * (len(points) - 1) // (_WIDTH - 1)] for i in range(_WIDTH)]
    finite = [point for point in points if math.isfinite(point)]
    if not finite:
        return ""
    low = min(finite)
    # Halved, so that the span of numbers near the largest float is no infinity.
    span = max(finite) / 2 - low / 2
    top = len(_BARS) - 1
    return "".join(
        " "
        if not math.isfinite(point)
        else _BARS[round((point / 2 - low / 2) / span * top) if span else 0]
        for point in points
    )


def _print(lines: Iterable[str]) -> None:
    stream = sys.stderr
    if stream is None:  # pythonw, a daemon: nobody to talk to
        return
    text = "".join(f"holdfast: {line}\n" for line in lines)
    try:
        stream.write(text)
        stream.flush()
    except UnicodeEncodeError:
        _print_ascii(text)
    except (OSError, ValueError):
        return  # the terminal is gone; there is no other place to say it, and training goes on


def _print_ascii(text: str) -> None:
    try:
        sys.stderr.write(text.encode("ascii", "replace").decode("ascii"))
        sys.stderr.flush()
    except (OSError, ValueError):
        return  # as above
