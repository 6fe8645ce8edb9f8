"""Series for charts: points of one key over an x of choice, cut to a span, ordered, thinned.

Owns which rows are points and where a series has its breaks. Must not know runs, SQL or HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.server.history.downsample import thin
from holdfast.server.history.model import Columns, Line

__all__ = ["Axis", "Series", "series"]

_STEP = "_step"
_RUNTIME = "_runtime"
_TIMESTAMP = "_timestamp"


@dataclass(frozen=True)
class Axis:
    """The x of a series.

    Args:
        key: ``_step``, ``_runtime``, ``_timestamp`` or any metric.
        least: the least x wanted; None for no bound.
        greatest: the greatest x wanted.
        started_at: when the run started; rows that have no ``_runtime`` of their own count it
            from there, or from where the rows before them do.
    """

    key: str = _STEP
    least: float | None = None
    greatest: float | None = None
    started_at: float = 0.0

    @property
    def needs(self) -> tuple[str, ...]:
        """The keys that must be read beside those of the points."""
        if self.key == _STEP:
            return ()
        return (_RUNTIME, _TIMESTAMP) if self.key == _RUNTIME else (self.key,)

    @property
    def span(self) -> tuple[int | None, int | None]:
        """The steps outside which no row has to be read."""
        if self.key != _STEP:
            return (None, None)
        least = None if self.least is None else int(np.floor(self.least))
        return (least, None if self.greatest is None else int(np.ceil(self.greatest)))


class Series(NamedTuple):
    """A key's points, and the x at which later stretches take over."""

    key: str
    line: Line
    breaks: list[float]


def series(
    columns: Columns, keys: Sequence[str], axis: Axis, points: int, *, ordered: bool
) -> Iterator[Series]:
    """The series of each key that has points in the span, thinned to about ``points``.

    Args:
        columns: rows that have the keys and what the axis needs.
        keys: of the metrics.
        axis: where the points stand.
        points: how many a chart can show.
        ordered: put the points into order of x; else they stay in order of rows and x may step
            back where a stretch begins.
    """
    x, wanted = _xs(columns, axis)
    if axis.least is not None:
        wanted &= x >= axis.least
    if axis.greatest is not None:
        wanted &= x <= axis.greatest
    rows = np.arange(len(columns.steps))
    stretches = np.searchsorted(np.asarray(columns.breaks, dtype=np.int64), rows, side="right")
    for key in keys:
        mask = wanted & _present(columns, key)
        if mask.any():
            points_of = (x[mask], columns.values[key][mask], stretches[mask])
            yield Series(key, *_one(*points_of, points, ordered=ordered))


def _one(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    stretches: NDArray[np.int64],
    points: int,
    *,
    ordered: bool,
) -> tuple[Line, list[float]]:
    if ordered and np.any(x[1:] < x[:-1]):
        order = np.argsort(x, kind="stable")
        x, y, stretches = x[order], y[order], stretches[order]
    begins = np.flatnonzero(stretches[1:] > stretches[:-1]) + 1
    return thin(x, y, points), x[begins].tolist()


def _xs(columns: Columns, axis: Axis) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Each row's x, and where a row has one."""
    if axis.key == _STEP:
        return columns.steps.astype(np.float64), np.ones(len(columns.steps), dtype=np.bool_)
    present = _present(columns, axis.key)
    timed = _present(columns, _TIMESTAMP)
    if axis.key == _RUNTIME and (timed & ~present).any():
        return _runtimes(columns, present, timed, axis.started_at)
    if not present.any():
        return np.zeros(len(columns.steps)), present.copy()
    return columns.values[axis.key], present & np.isfinite(columns.values[axis.key])


def _runtimes(
    columns: Columns, told: NDArray[np.bool_], timed: NDArray[np.bool_], started_at: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The runtimes of rows of which some say only when they were logged."""
    times, runtimes = columns.values[_TIMESTAMP], columns.values[_RUNTIME]
    last = np.maximum.accumulate(np.where(told & timed, np.arange(len(times)), -1))
    with np.errstate(invalid="ignore"):  # infinities that somebody logged
        since = np.where(last < 0, started_at, (times - runtimes)[last])
        x = np.where(told, runtimes, times - since)
    return x, (told | timed) & np.isfinite(x)


def _present(columns: Columns, key: str) -> NDArray[np.bool_]:
    found = columns.present.get(key)
    return np.zeros(len(columns.steps), dtype=np.bool_) if found is None else found
