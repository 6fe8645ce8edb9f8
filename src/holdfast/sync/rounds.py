"""Confirmed runs, looked through again: what came deep in a folder, which receipts hold no more.

Owns whose turn it is, and how many at a time: the cost is bounded however many runs there are. Must
not know what is done with a run that has something to send.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import count

from holdfast.rundir import RunDir
from holdfast.sync.context import Context, Wishes
from holdfast.sync.followed import Followed
from holdfast.sync.many import lapsed
from holdfast.sync.receipts import Kept

__all__ = ["Rounds", "look_through"]

_AGAIN_SECONDS = 600.0
_PAUSE_SECONDS = 5.0
_RUNS_AT_ONCE = 50


class Rounds:
    """Gives out each run every ten minutes, at most fifty in five seconds.

    Args:
        now: seconds of a clock that only grows, as everywhere here.
    """

    def __init__(self, now: float) -> None:
        self._next_at = now
        self._order = count()
        self._turns: list[tuple[float, int, Followed]] = []
        self._waiting: set[Followed] = set()

    def add(self, run: Followed, now: float, *, soon: bool = False) -> None:
        """A run rests. One that waits for its turn already keeps it.

        Args:
            run: the run.
            now: the time.
            soon: nobody asked the server of late whether it still holds it.
        """
        if run not in self._waiting:
            self._waiting.add(run)
            at = now if soon else now + _AGAIN_SECONDS
            heapq.heappush(self._turns, (at, next(self._order), run))

    def take(self, now: float) -> list[Followed]:
        """Those whose turn it is; those that rest no more are forgotten."""
        taken: list[Followed] = []
        if now < self._next_at:
            return taken
        while self._turns and self._turns[0][0] <= now and len(taken) < _RUNS_AT_ONCE:
            run = heapq.heappop(self._turns)[2]
            self._waiting.discard(run)
            if run.resting:
                taken.append(run)
        if taken:
            self._next_at = now + _PAUSE_SECONDS
        return taken


def look_through(context: Context, runs: Mapping[RunDir, Wishes]) -> set[RunDir]:
    """Which of these runs, confirmed before, have something to send now; asks the server once.

    A folder that keeps no receipt (it is read-only, say) tells nothing: such a run has none.

    Raises:
        HoldfastError: the server did not answer.
    """
    pairs = [(run_dir, Kept.read(run_dir, context.base_url)) for run_dir in runs]
    kept = [(run_dir, one) for run_dir, one in pairs if one is not None]
    changed = {run_dir for run_dir, one in kept if not one.fits(run_dir, runs[run_dir])}
    asked = [pair for pair in kept if pair[0] not in changed]
    return changed | lapsed(context.transport, asked)
