"""A few threads that do jobs, each told to one queue when it is done, and what waits for them.

Owns the threads and the order. Must not know what a job is. They end with the process: nobody waits
for a request that is under way, since everything can be taken up again.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Crew", "Done", "Lane"]

_T = TypeVar("_T")
_PATIENCE = 4


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


class Lane(Generic[_T]):
    """What waits for the threads of a crew: the urgent first, but of four one of the others.

    Args:
        crew: its threads.

    Example:
        >>> lane = Lane[str](Crew("journal", 1, queue.SimpleQueue()))
        >>> lane.add("a word", urgent=False)
        >>> lane.add("news", urgent=True)
        >>> [lane.take(), lane.take(), lane.take()]
        ['news', 'a word', None]
    """

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self._urgent: deque[_T] = deque()
        self._others: deque[_T] = deque()
        self._taken = 0

    def add(self, item: _T, *, urgent: bool) -> None:
        """Let it wait; one that has become urgent is added again, and then comes twice."""
        (self._urgent if urgent else self._others).append(item)

    def take(self) -> _T | None:
        """The next; None when nothing waits."""
        self._taken += 1
        patient = self._taken % _PATIENCE == 0
        row = self._others if patient or not self._urgent else self._urgent
        row = row or self._urgent
        return row.popleft() if row else None
