"""Questions to a server that may hang: whoever asks hears in time that there is no answer.

Owns the limits of time and the threads. Must not know what is asked.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from holdfast.errors import UnreachableError

__all__ = ["Asking"]

T = TypeVar("T")

_LEAST_SECONDS = 1.0
_MOST_QUESTIONS = 128


class Asking:
    """Puts questions to one server, each in a thread of its own; called from several threads.

    A connection waits for a server that hangs (stopped, or behind a network that swallows) as long
    as the relay's own askers wait for the relay. So they are answered before it gives up: its
    thread is left to end by itself.

    The clock of a silence is shared, as in `holdfast.sync.retry`: it runs from the oldest question
    without answer, or from the last answer. So many questions do not wait one after the other.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open = 0
        self._silent_since = 0.0
        self._failing_since: float | None = None

    @property
    def failing_for(self) -> float:
        """Seconds since the first question that failed since the last answer; 0 for none."""
        since = self._failing_since
        return 0.0 if since is None else self._clock() - since

    def ask(self, question: Callable[[], T], seconds: float) -> T:
        """The server's answer, or what ``question`` raised.

        Args:
            question: one request; it ends some time.
            seconds: how long the server may be silent. An answer may take one second in any case.

        Raises:
            UnreachableError: no answer in time; the request may be at the server all the same.
        """
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            if self._open >= _MOST_QUESTIONS:
                raise _silence()
            now = self._clock()
            if not self._open:
                self._silent_since = now
            threading.Thread(
                target=self._put, args=(question, answer), name="holdfast-asking", daemon=True
            ).start()
            self._open += 1
            wait = max(_LEAST_SECONDS, seconds - (now - self._silent_since))
        try:
            return answer.result(wait)
        except concurrent.futures.TimeoutError as error:
            raise _silence() from error

    def _put(self, question: Callable[[], T], answer: concurrent.futures.Future[T]) -> None:
        try:
            said = question()
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the answer
            self._ended(answered=not isinstance(error, UnreachableError))
            answer.set_exception(error)
        else:
            self._ended(answered=True)
            answer.set_result(said)

    def _ended(self, *, answered: bool) -> None:
        with self._lock:
            self._open -= 1
            if answered:
                self._silent_since, self._failing_since = self._clock(), None
            elif self._failing_since is None:
                self._failing_since = self._clock()


def _silence() -> UnreachableError:
    return UnreachableError("the server gives no answer", "look whether it runs")
