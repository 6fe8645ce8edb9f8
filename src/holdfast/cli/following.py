"""What commands share that follow runs until they are told to stop.

Owns the words that say how much may be sent when, what is said of a run, the signals that end them,
and the note by which `holdfast status` finds them. Must not know where the runs come from.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.cli.numbers import read_size
from holdfast.cli.progress import Progress, outcome_line, tell_trace
from holdfast.errors import StorageError
from holdfast.sync.hours import Hours
from holdfast.sync.pace import Pace
from holdfast.sync.report import Outcome
from holdfast.sync.standing import Note
from holdfast.sync.watch import Watcher

__all__ = ["declare_limits", "hours_of", "noter", "pace_of", "stopped_by_signals", "teller"]


def declare_limits(parser: argparse.ArgumentParser) -> None:
    """Declare the options for `pace_of` and `hours_of`."""
    option = parser.add_argument
    option(
        "--bandwidth",
        type=_rate,
        metavar="BYTES",
        help="send at most so many bytes a second, e.g. 10M",
    )
    option(
        "--hours",
        metavar="FROM-TO",
        help="send files in these hours only, e.g. 20:00-06:00; metrics are sent at all times",
    )


def pace_of(args: argparse.Namespace) -> Pace | None:
    """The bandwidth that was asked for."""
    return Pace(args.bandwidth) if args.bandwidth else None


def hours_of(args: argparse.Namespace) -> Callable[[], bool]:
    """Whether files may be sent now, by the hours that were asked for; UsageError."""
    return Hours.read(args.hours).asker() if args.hours else lambda: True


def _rate(text: str) -> int:
    """Bytes a second: at least one."""
    rate = read_size(text.strip().removesuffix("/s"))
    if rate < 1:
        raise argparse.ArgumentTypeError(f"{text} lets nothing through")
    return rate


def noter(note: Note, progress: Progress) -> Callable[[Watcher], None]:
    """What a watcher calls to note how it stands; that it cannot is said once."""
    said: list[str] = []

    def write(watcher: Watcher) -> None:
        try:
            note.write(watcher)
        except StorageError as error:
            # Only `holdfast status` knows less now: following goes on.
            if str(error) not in said:
                said.append(str(error))
                progress.say(str(error))

    return write


def teller(progress: Progress) -> Callable[[Outcome], None]:
    """What a watcher calls with how a run fared: one line, and the trace of a defect."""

    def tell(outcome: Outcome) -> None:
        progress.say(outcome_line(outcome))
        tell_trace(outcome.trace)

    return tell


@contextmanager
def stopped_by_signals(watcher: Watcher) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the watcher cleanly; a second one ends the process at once."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, before[signal.Signals(number)])
        watcher.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
