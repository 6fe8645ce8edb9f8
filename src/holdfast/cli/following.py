"""What commands share that follow runs until they are told to stop.

Owns the words that say how much may be sent when, the signals that end them, and the note by which
`holdfast status` finds them. Must not know where the runs come from.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.cli.progress import Progress
from holdfast.errors import StorageError
from holdfast.sync.hours import Hours
from holdfast.sync.pace import Pace
from holdfast.sync.standing import Note
from holdfast.sync.watch import Watcher

__all__ = ["declare_limits", "hours_of", "noter", "pace_of", "stopped_by_signals"]


def declare_limits(parser: argparse.ArgumentParser) -> None:
    """Declare the options for `pace_of` and `hours_of`."""
    option = parser.add_argument
    option("--bandwidth", metavar="BYTES", help="send at most so many bytes a second, e.g. 10M")
    option(
        "--hours",
        metavar="FROM-TO",
        help="send files in these hours only, e.g. 20:00-06:00; metrics are sent at all times",
    )


def pace_of(args: argparse.Namespace) -> Pace | None:
    """The bandwidth that was asked for; UsageError when it is none."""
    return Pace.read(args.bandwidth) if args.bandwidth else None


def hours_of(args: argparse.Namespace) -> Callable[[], bool]:
    """Whether files may be sent now, by the hours that were asked for; UsageError."""
    return Hours.read(args.hours).asker() if args.hours else lambda: True


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
