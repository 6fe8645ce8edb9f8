"""Stretches: where a step does not grow, another begins; a later one hides what it repeats.

Owns the rule by which a restart from a checkpoint takes over from the rows it repeats. Must not
know where rows are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from holdfast.server.history.model import Stretch

__all__ = ["Span", "cut_after", "extend", "hidden_rows", "hidden_spans", "numbers", "step_array"]

Span = tuple[int, int]
"""First and last step, both included."""

_INT64 = np.iinfo(np.int64)


def step_array(steps: Sequence[int | None]) -> NDArray[np.int64]:
    """Steps as they are stored; one beyond 64 bits becomes the nearest that is not.

    Raises:
        TypeError: a step is None.
    """
    try:
        return np.array(steps, dtype=np.int64)
    except OverflowError:
        low, high = int(_INT64.min), int(_INT64.max)
        return np.array([min(max(s, low), high) for s in steps if s is not None], dtype=np.int64)


def cut_after(step: int) -> Stretch:
    """A stretch without rows that takes over all after ``step``: what a rewound run begins with."""
    return Stretch(0, step + 1, int(_INT64.max), 0)


def extend(last: Stretch | None, last_step: int | None, steps: NDArray[np.int64]) -> list[Stretch]:
    """The stretches that these further rows of a journal make.

    Args:
        last: the journal's last stretch; the first one returned replaces it when the rows go on
            in it (same number).
        last_step: the step of the journal's last row.
        steps: of the further rows, in order.
    """
    if not len(steps):
        return []
    grows = last_step is None or int(steps[0]) > last_step
    goes_on = last is not None and last.rows > 0 and grows
    starts = np.flatnonzero(steps[1:] <= steps[:-1]) + 1
    found = []
    number = -1 if last is None else last.number
    for begin, end in pairwise([0, *starts.tolist(), len(steps)]):
        first, final, rows = int(steps[begin]), int(steps[end - 1]), end - begin
        if begin == 0 and goes_on:
            assert last is not None
            found.append(Stretch(number, last.first_step, final, last.rows + rows))
        else:
            number += 1
            found.append(Stretch(number, first, final, rows))
    return found


def numbers(stretches: Sequence[Stretch], first_row: int, count: int) -> NDArray[np.int32]:
    """The stretch of each of ``count`` rows of a journal from row ``first_row`` on."""
    every = np.repeat(
        np.array([s.number for s in stretches], dtype=np.int32),
        np.array([s.rows for s in stretches], dtype=np.int64),
    )
    return every[first_row : first_row + count]


def hidden_spans(stretches: Sequence[Stretch]) -> list[list[Span]]:
    """For each stretch, in reading order, the spans of steps that later ones take over.

    Spans are sorted, apart, and cut to what the stretch itself covers.
    """
    later: list[Span] = []
    found: list[list[Span]] = []
    for stretch in reversed(stretches):
        found.append(
            [
                (max(low, stretch.first_step), min(high, stretch.last_step))
                for low, high in later
                if low <= stretch.last_step and high >= stretch.first_step
            ]
        )
        later = _merged(later, (stretch.first_step, stretch.last_step))
    return found[::-1]


def hidden_rows(steps: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.bool_]:
    """Which of the rows with these steps lie in one of ``spans``."""
    if not spans:
        return np.zeros(len(steps), dtype=np.bool_)
    lows = np.array([low for low, _ in spans], dtype=np.int64)
    highs = np.array([high for _, high in spans], dtype=np.int64)
    place = np.searchsorted(lows, steps, side="right") - 1
    inside: NDArray[np.bool_] = (place >= 0) & (steps <= highs[np.maximum(place, 0)])
    return inside


def _merged(spans: list[Span], more: Span) -> list[Span]:
    low, high = more
    apart = [span for span in spans if span[1] < low or span[0] > high]
    touching = [span for span in spans if span[1] >= low and span[0] <= high]
    if touching:
        low = min(low, touching[0][0])
        high = max(high, touching[-1][1])
    return sorted([*apart, (low, high)])
