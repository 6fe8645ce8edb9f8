"""Which lines of a post are not held yet, and whether they overwrite the run.

Clients send lines again: after a lost reply, from where a restarted server stands, and all of them
when a folder is synced once more. Owns how a line is known again. Must not know what becomes of a
line that is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from holdfast.records.encode import StreamCounts
from holdfast.records.json_rows import JsonRows

__all__ = ["News", "RowStamps", "StatStamps", "new_rows", "new_stats"]

RowStamps = Callable[[int, int], frozenset[tuple[int, float]]]
"""Gives (step, timestamp) of all rows held whose steps lie between two, both included."""

StatStamps = Callable[[], frozenset[float]]
"""Gives the timestamps of all system metrics held."""


class News(NamedTuple):
    """Which rows of a post are new.

    ``fresh`` has their places in the post, in order. ``overwrites``: they stand where others are
    held.
    """

    fresh: Sequence[int]
    overwrites: bool = False


def new_rows(
    rows: JsonRows,
    offset: int,
    counts: StreamCounts,
    greatest_step: int | None,
    stamps: RowStamps,
) -> News:
    """Tell new rows from held ones.

    A row is held when one of its step and time is; without these, when its line number is. One
    that is not held, with the number of a line that is, overwrites.

    Args:
        rows: of the post.
        offset: line number of the first.
        counts: lines held.
        greatest_step: of any row held; None when there is none.
        stamps: asked only when some row may be held.
    """
    total = len(rows.records)
    below = min(max(counts.history - offset, 0), total)
    if counts.client:  # others write rows of the same steps
        return News(range(below, total))
    old = []
    if greatest_step is not None:
        old = [step for step in rows.steps if step is not None and step <= greatest_step]
    if not old and not below:
        return News(range(total))
    known = stamps(min(old), max(old)) if old else frozenset()
    fresh = []
    for place, step in enumerate(rows.steps):
        moment = rows.moment(place)
        stamped = step is not None and moment is not None
        if (step, moment) not in known if stamped else place >= below:
            fresh.append(place)
    return News(fresh, overwrites=bool(fresh) and fresh[0] < below)


def new_stats(
    stats: Sequence[dict[str, Any]], offset: int, counts: StreamCounts, stamps: StatStamps | None
) -> Sequence[dict[str, Any]]:
    """Samples of system metrics that are not held.

    Args:
        stats: of the post.
        offset: line number of the first.
        counts: lines held.
        stamps: asked when the session has ended, so that all may be held under other numbers.
    """
    fresh = stats[max(counts.events - offset, 0) :]
    if not fresh or stamps is None:
        return fresh
    known = stamps()
    return [stat for stat in fresh if stat.get("_timestamp") not in known]
