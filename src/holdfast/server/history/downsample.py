"""Thinning a series for a chart so that no extreme is lost.

Points are put into buckets; each bucket keeps its lowest and its highest point and says both
values. Must not know where a series comes from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from holdfast.server.history.model import Line

__all__ = ["thin"]

_Floats = NDArray[np.float64]
_NONE: _Floats = np.empty(0)


def thin(x: _Floats, y: _Floats, points: int) -> Line:
    """At most ``points`` points of a series (4 when fewer are asked for), extremes kept.

    Buckets are equally wide in x when x does not fall, else equally many points. The first and
    the last point stay. Where y is NaN or infinite there is a mark, at most one of each kind a
    bucket; where x is, there is nothing to draw.

    >>> line = thin(np.arange(1e6), np.sin(np.arange(1e6)), 1000)
    >>> len(line.x) <= 1000 and not line.exact
    True
    """
    drawable = np.isfinite(x)
    if not drawable.all():
        x, y = x[drawable], y[drawable]
    finite = np.isfinite(y)
    total = int(finite.sum())
    if len(y) <= points:
        marks = _marks(x[~finite], y[~finite], np.arange(len(y) - total))
        return Line(x[finite], y[finite], _NONE, _NONE, total, True, marks)
    buckets = max(1, (points - 2) // 2)
    marks = _marks(x[~finite], y[~finite], _buckets(x, buckets)[~finite])
    x, y = x[finite], y[finite]
    if total <= points:
        return Line(x, y, _NONE, _NONE, total, True, marks)
    kept, lo, hi = _extremes(y, _buckets(x, buckets))
    return Line(x[kept], y[kept], lo, hi, total, False, marks)


def _buckets(x: _Floats, count: int) -> NDArray[np.int64]:
    """The bucket of each point, never falling."""
    if len(x) and x[0] < x[-1] and not (np.diff(x) < 0).any():
        # halves first: the width of the widest span of doubles is no double
        place = (x / 2 - x[0] / 2) / (x[-1] / 2 - x[0] / 2) * count
        wide: NDArray[np.int64] = np.minimum(place.astype(np.int64), count - 1)
        return wide
    even: NDArray[np.int64] = np.arange(len(x), dtype=np.int64) * count // max(1, len(x))
    return even


def _extremes(y: _Floats, bucket: NDArray[np.int64]) -> tuple[NDArray[np.int64], _Floats, _Floats]:
    """The points to keep, in order, and the least and greatest y of each one's bucket."""
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    place = np.cumsum(np.diff(bucket, prepend=bucket[0]) != 0)
    low = np.minimum.reduceat(y, starts)
    high = np.maximum.reduceat(y, starts)
    kept = np.unique(
        np.concatenate(
            [[0, len(y) - 1], _first(y == low[place], place), _first(y == high[place], place)]
        )
    ).astype(np.int64)
    return kept, low[place[kept]], high[place[kept]]


def _first(mask: NDArray[np.bool_], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first point of each bucket where the mask holds."""
    rows = np.flatnonzero(mask)
    return rows[np.flatnonzero(np.diff(place[rows], prepend=-1))]


def _marks(x: _Floats, y: _Floats, bucket: NDArray[np.int64]) -> tuple[tuple[float, str], ...]:
    found = []
    for kind, mask in (
        ("NaN", np.isnan(y)),
        ("Infinity", np.isposinf(y)),
        ("-Infinity", np.isneginf(y)),
    ):
        rows = np.flatnonzero(mask)
        first = rows[np.flatnonzero(np.diff(bucket[rows], prepend=-1))]
        found += [(value, kind) for value in x[first].tolist()]
    return tuple(sorted(found))
