"""One metric's points, thinned while they come, so that a run of any length takes little memory.

Owns which points stay: of every stretch of a curve its first, its lowest, its highest and its last,
and one of each kind that is no finite number. Must not know where points come from.
"""

from __future__ import annotations

import math

__all__ = ["Curve", "Point"]

Point = tuple[float, float]

_BUCKETS = 1024


class Curve:
    """The points of one metric; up to 1,024 of them are kept exactly.

    Attributes:
        count: how many points there were.

    Example:
        >>> curve = Curve()
        >>> for step in range(100_000):
        ...     curve.add(step, 9.0 if step == 51_234 else 1.0)
        >>> max(y for x, y in curve.points()), len(curve.points()) < 4096
        (9.0, True)
    """

    def __init__(self) -> None:
        self.count = 0
        self._width = 1
        self._buckets: list[list[Point]] = []
        self._filled = 0

    def add(self, x: float, y: float) -> None:
        """Add a point; ``x`` is never lower than that of the point before."""
        self.count += 1
        if self._buckets and self._filled < self._width:
            self._buckets[-1] = _thin([*self._buckets[-1], (x, y)])
            self._filled += 1
            return
        if len(self._buckets) == _BUCKETS:
            pairs = zip(self._buckets[::2], self._buckets[1::2], strict=True)
            self._buckets = [_thin([*one, *other]) for one, other in pairs]
            self._width *= 2
        self._buckets.append([(x, y)])
        self._filled = 1

    def cut(self, x: float) -> None:
        """Forget points from ``x`` on: a restart from a checkpoint goes on from there."""
        self._buckets = [
            left for bucket in self._buckets if (left := [p for p in bucket if p[0] < x])
        ]
        if len(self._buckets) < _BUCKETS:
            self._filled = self._width  # the next point begins a bucket

    def points(self) -> list[Point]:
        """What is left of the points, in order."""
        return [point for bucket in self._buckets for point in bucket]

    @property
    def thinned(self) -> bool:
        """Whether some points may be left out."""
        return self._width > 1


def _thin(points: list[Point]) -> list[Point]:
    """The points of a bucket that stay, in order; never more than seven."""
    if len(points) <= 2:
        return points
    finite = [i for i, (_, y) in enumerate(points) if math.isfinite(y)]
    kept = set(finite[:1] + finite[-1:])
    if finite:
        kept.add(min(finite, key=lambda i: points[i][1]))
        kept.add(max(finite, key=lambda i: points[i][1]))
    odd = {str(y): i for i, (_, y) in enumerate(points) if not math.isfinite(y)}
    return [points[i] for i in sorted(kept | set(odd.values()))]
