"""A few threads that do jobs, each told to one queue when it is done.

Owns the threads. Must not know what a job is. They end with the process: nobody waits for a
request that is under way, since everything can be taken up again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Crew", "Done"]


class Done(NamedTuple):
    """A job that ended: whose it was, what it returned, or what it raised."""

    who: Any
    result: Any
    error: BaseException | None
    heard: Callable[[Done], None]


class Crew:
    """Up to ``size`` threads, started when they are first needed.

    Args:
        name: of the threads.
        size: how many.
        done: gets a `Done` for each job.
    """

    def __init__(self, name: str, size: int, done: queue.SimpleQueue[Done | None]) -> None:
        self._name = name
        self._size = size
        self._done = done
        self._busy = 0
        self._started = 0
        self._jobs: queue.SimpleQueue[tuple[object, Callable[[], object], Callable[[Done], None]]]
        self._jobs = queue.SimpleQueue()

    @property
    def free(self) -> int:
        """How many jobs can be begun now."""
        return self._size - self._busy

    def give(self, who: object, job: Callable[[], object], heard: Callable[[Done], None]) -> None:
        """Have a job done; called, like `took`, from one thread only.

        Args:
            who: whose it is.
            job: the work.
            heard: kept beside the outcome, for whoever takes it from the queue.
        """
        self._busy += 1
        if self._busy > self._started:
            self._started += 1
            name = f"holdfast-{self._name}-{self._started}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        self._jobs.put((who, job, heard))

    def took(self) -> None:
        """One of this crew's jobs was taken from the queue of those done."""
        self._busy -= 1

    def _work(self) -> None:
        while True:
            who, job, heard = self._jobs.get()
            try:
                self._done.put(Done(who, job(), None, heard))
            except BaseException as error:  # noqa: BLE001 - told to whoever waits for the outcome
                self._done.put(Done(who, None, error, heard))
