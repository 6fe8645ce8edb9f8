"""Thinning: extremes, ends and odd values stay, in order and in little memory."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.page.curve import Curve

VALUES = st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf, -math.inf])


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=40), st.integers(1, 400))
def test_what_stays(values: list[float], times: int) -> None:
    points = [(float(i), y) for i, y in enumerate(values * times)]
    curve = Curve()
    for x, y in points:
        curve.add(x, y)
    kept = curve.points()
    assert curve.count == len(points)
    assert len(kept) <= 7 * 1024
    steps = [x for x, _ in kept]
    assert steps == sorted(set(steps))
    assert {repr(p) for p in kept} <= {repr(p) for p in points}
    if len(points) <= 1024:
        assert not curve.thinned
        assert repr(kept) == repr(points)
    assert {str(y) for _, y in points if not math.isfinite(y)} == {
        str(y) for _, y in kept if not math.isfinite(y)
    }
    finite = [y for _, y in points if math.isfinite(y)]
    left = [y for _, y in kept if math.isfinite(y)]
    if finite:
        assert (min(left), max(left)) == (min(finite), max(finite))
        assert (left[0], left[-1]) == (finite[0], finite[-1])


def test_every_stretch_keeps_its_extremes() -> None:
    curve = Curve()
    for x in range(200_000):
        curve.add(x, 5.0 if x % 10_000 == 777 else -5.0 if x % 10_000 == 888 else math.sin(x))
    kept = dict(curve.points())
    assert curve.thinned
    for start in range(0, 200_000, 10_000):
        assert kept[start + 777] == 5.0
        assert kept[start + 888] == -5.0


def test_a_restart_takes_the_place_of_what_it_repeats() -> None:
    curve = Curve()
    for x in range(5000):
        curve.add(x, 1.0)
    curve.cut(4000)
    for x in range(4000, 6000):
        curve.add(x, 2.0)
    points = curve.points()
    assert [x for x, _ in points] == sorted({x for x, _ in points})
    assert {y for x, y in points if x < 4000} == {1.0}
    assert {y for x, y in points if x >= 4000} == {2.0}
    assert points[-1] == (5999, 2.0)
