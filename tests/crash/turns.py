"""Threads that move one at a time, in an order that a seed decides: two programs, repeatably."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

__all__ = ["Turns"]

_DEADLINE_SECONDS = 60


class Turns:
    """Whoever moves hands on at each `pause`; nobody else runs meanwhile.

    Args:
        rng: says who is next.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._change = threading.Condition()
        self._alive: list[int] = []
        self._current = 0
        self._failed: list[BaseException] = []

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all works, each in a thread of its own; raises what one of them raised."""
        self._alive = list(range(len(works)))
        self._failed = []
        self._current = self._rng.choice(self._alive)
        threads = [
            threading.Thread(target=self._one, args=(me, work), daemon=True)
            for me, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_DEADLINE_SECONDS)
            assert not thread.is_alive(), "a syncer neither ends nor asks for anything"
        if self._failed:
            raise self._failed[0]

    def pause(self, me: int) -> None:
        """Let somebody move (it may be ``me`` again); returns when it is ``me``'s turn."""
        with self._change:
            if len(self._alive) > 1:
                self._pass_on()
                self._change.wait_for(lambda: self._current == me)

    def _one(self, me: int, work: Callable[[], None]) -> None:
        with self._change:
            self._change.wait_for(lambda: self._current == me)
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by run
            self._failed.append(error)
        with self._change:
            self._alive.remove(me)
            self._pass_on()

    def _pass_on(self) -> None:
        if self._alive:
            self._current = self._rng.choice(self._alive)
            self._change.notify_all()
