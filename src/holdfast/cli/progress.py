"""How work on runs is shown: bars on a terminal, plain lines otherwise, nothing beside JSON.

Owns the words and marks. Must not know how bytes travel. All of it goes to standard error, so
that standard output holds results only.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, TextIO

from holdfast.errors import HoldfastError
from holdfast.rundir import RunDir
from holdfast.sync.report import Outcome

__all__ = [
    "Progress",
    "count_text",
    "named",
    "outcome_line",
    "size_text",
    "tell_errors",
    "tell_trace",
]

_LINE_SECONDS = 10.0


class Progress:
    """A reporter for people; use as a context manager.

    Args:
        stream: where it goes; bars are drawn when it is a terminal.
        quiet: only waits are told.
        word: what becomes of the bytes.
    """

    def __init__(
        self, stream: TextIO | None = None, *, quiet: bool = False, word: str = "sent"
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._word = word
        self._lock = threading.Lock()
        self._bar: Any = None
        self._expected = self._arrived = 0
        self._line_at = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def expect(self, run_dir: RunDir, size: int) -> None:
        """More bytes are to be sent."""
        with self._lock:
            self._expected += size
            if self._bar is None and self._expected and not self._quiet and self._stream.isatty():
                self._bar = _bar(self._stream)
            if self._bar is not None:
                self._bar.total = self._expected
                self._bar.refresh()

    def advance(self, run_dir: RunDir, size: int) -> None:
        """Bytes arrived."""
        with self._lock:
            self._arrived += size
            if self._bar is not None:
                self._bar.update(size)
            elif not self._quiet and time.monotonic() - self._line_at > _LINE_SECONDS:
                self._line_at = time.monotonic()
                done, whole = size_text(self._arrived), size_text(self._expected)
                print(f"  {done} of {whole} {self._word}", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """A line for the reader, above the bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.write(line, file=self._stream)
            else:
                print(line, file=self._stream, flush=True)


def _bar(stream: TextIO) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=0,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        file=stream,
        leave=False,
        dynamic_ncols=True,
        bar_format="{percentage:3.0f}% |{bar}| {n_fmt}/{total_fmt} {rate_fmt}",
    )


def outcome_line(outcome: Outcome) -> str:
    """How one run fared, in one line."""
    name = named(outcome.run, outcome.run_dir)
    if not outcome.ok:
        return f"✗ {name}: {outcome.error}"
    if outcome.state == "empty":
        return f"- {name}: nothing was written yet"
    counts = f"{count_text(outcome.rows, 'row')}, {count_text(outcome.files, 'file')}"
    gaps = f", {count_text(len(outcome.gaps), 'gap')} in the journal" if outcome.gaps else ""
    what = {
        "confirmed": "confirmed",
        "running": "still running, confirmed up to now",
        "partial": "confirmed but for the files left out, so not confirmed as a whole",
        "sent": "sent, not verified",
    }[outcome.state]
    return f"✓ {name}: {what} ({counts}{gaps})"


def named(run: str, run_dir: RunDir) -> str:
    """A run as it is called, and which of its writers the folder is of; the folder if unknown."""
    if not run:
        return str(run_dir.path)
    return f"{run} ({run_dir.label})" if run_dir.label else run


def tell_errors(errors: Iterable[HoldfastError]) -> None:
    """What is wrong beside the runs, such as paths where nothing is: a line each."""
    for error in errors:
        print(f"holdfast: {error}", file=sys.stderr)


def tell_trace(trace: str) -> None:
    """The traceback of a defect of Holdfast, for the report that its error asks for."""
    if trace:
        print(trace, file=sys.stderr)


def size_text(size: float) -> str:
    """A number of bytes for people: ``1.5 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def count_text(number: int, word: str) -> str:
    """A count with its word: ``1 run``, ``1,024 runs``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
