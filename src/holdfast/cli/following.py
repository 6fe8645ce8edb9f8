"""What commands share that follow runs until they are told to stop.

Owns what they say of a run, the signals that end them and the note by which `holdfast status` finds
them. Must not know where the runs come from.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from holdfast.cli.progress import Progress, outcome_line, tell_trace
from holdfast.errors import StorageError
from holdfast.sync.report import Outcome
from holdfast.sync.standing import Note
from holdfast.sync.watch import Watcher

__all__ = ["noter", "stopped_by_signals", "teller"]


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
