"""Signals by which it is said that the machine is taken away.

Owns their handlers. They note it in the journal, have that on the disk, and then let happen what
would have happened without them: the handler that was there before is called, or the process ends
by the signal. A signal that is ignored, or that a script takes for itself after the run began, is
left alone. Must not know who takes machines away.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from holdfast.client import current
from holdfast.client.run import Run
from holdfast.records import encode

__all__ = ["watch_signals"]

_watched: set[str] = set()


def watch_signals(names: Iterable[str]) -> bool:
    """Put the handlers of these signals in place, once a process.

    Returns:
        Whether this is the main thread: no other may.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    for name in names:
        if name in _watched:
            continue
        _watched.add(name)
        number = getattr(signal, name, None)  # Windows has no SIGUSR1
        before = None if number is None else signal.getsignal(number)
        # None: set by C code, which Python could not put back.
        if number is not None and before is not None and before != signal.SIG_IGN:
            signal.signal(number, _handler(before))
    return True


def _handler(before: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        run = current.run
        try:
            if run is not None:
                _note(run)
        finally:
            if callable(before):
                before(number, frame)
            elif signal.getsignal(number) is not handle:
                pass  # called by one that came later, which has its own answer to the signal
            elif run is None or not run._recorder.put_off(lambda: _end_by(number)):
                _end_by(number)

    return handle


def _note(run: Run) -> None:
    """Write it down and force it to the disk; after the call of this thread that it breaks into."""
    held = run._held
    if held is None:  # the child of a fork, or a run that writes nothing
        return

    def act() -> None:
        held.writer.append(encode.preempting())
        held.writer.sync()

    run._recorder.do(act)


def _end_by(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
