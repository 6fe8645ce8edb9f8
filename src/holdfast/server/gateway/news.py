"""Which lines of a post are not held yet, and whether they overwrite the run.

Clients send lines again: after a lost reply, from where a restarted server stands, and all of them
when a folder is synced once more. Owns how a line is known again. Must not know what becomes of a
line that is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from holdfast.records.encode import StreamCounts
from holdfast.records.json_rows import JsonRow
from holdfast.records.values import read_value

__all__ = ["News", "RowStamps", "StatStamps", "new_rows", "new_stats", "timestamp_of"]

RowStamps = Callable[[int, int], frozenset[tuple[int, float]]]
"""Gives (step, timestamp) of all rows held whose steps lie between two, both included."""

StatStamps = Callable[[], frozenset[float]]
"""Gives the timestamps of all system metrics held."""


class News(NamedTuple):
    """Rows that are new. ``overwrites``: they stand where others are held."""

    rows: Sequence[JsonRow]
    overwrites: bool = False


def timestamp_of(row: JsonRow) -> float | None:
    """When a row was logged, if it says so."""
    token = row.values.get("_timestamp")
    value = read_value(token.decode()) if type(token) is bytes else None
    return float(value) if isinstance(value, int | float) and abs(value) < 1e12 else None


def new_rows(
    rows: Sequence[JsonRow],
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
    below = min(max(counts.history - offset, 0), len(rows))
    if counts.client:  # others write rows of the same steps
        return News(rows[below:])
    steps = [row.step for row in rows if row.step is not None]
    old = [step for step in steps if greatest_step is not None and step <= greatest_step]
    if not old and not below:
        return News(rows)
    known = stamps(min(old), max(old)) if old else frozenset()
    fresh: list[JsonRow] = []
    overwrites = False
    for number, row in enumerate(rows):
        time = timestamp_of(row)
        stamped = row.step is not None and time is not None
        held = (row.step, time) in known if stamped else number < below
        if not held:
            fresh.append(row)
            overwrites = overwrites or number < below
    return News(fresh, overwrites)


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
