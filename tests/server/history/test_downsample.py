"""Thinning: no extreme is lost, few points stay, what cannot be drawn is marked."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.server.history import thin


def arrays(x: list[float], y: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(), st.floats()), max_size=120),
    st.integers(0, 40),
    st.booleans(),
)
def test_whatever_is_given(points: list[tuple[float, float]], wanted: int, ordered: bool) -> None:
    if ordered:
        points.sort(key=lambda point: (math.isnan(point[0]), point[0]))
    x, y = arrays([p[0] for p in points], [p[1] for p in points])
    line = thin(x, y, wanted)
    drawable = [p for p in points if math.isfinite(p[0]) and math.isfinite(p[1])]
    assert line.total == len(drawable)
    assert len(line.x) == len(line.y) <= max(wanted, 4)
    assert set(zip(line.x, line.y, strict=True)) <= set(drawable)
    if line.exact:
        assert list(zip(line.x, line.y, strict=True)) == drawable
        assert len(line.lo) == len(line.hi) == 0
    else:
        assert (line.x[0], line.y[0]) == drawable[0]
        assert (line.x[-1], line.y[-1]) == drawable[-1]
        assert line.y.min() == min(p[1] for p in drawable)
        assert line.y.max() == max(p[1] for p in drawable)
        assert len(line.lo) == len(line.hi) == len(line.x)
        assert (line.lo <= line.y).all()
        assert (line.y <= line.hi).all()
    kinds = {
        "NaN": math.isnan,
        "Infinity": lambda v: v == math.inf,
        "-Infinity": lambda v: v == -math.inf,
    }
    for kind, holds in kinds.items():
        there = {p[0] for p in points if math.isfinite(p[0]) and holds(p[1])}
        marked = [at for at, found in line.marks if found == kind]
        assert set(marked) <= there
        assert bool(marked) == bool(there)


def test_every_bucket_keeps_its_extremes() -> None:
    dice = np.random.default_rng(5)
    x = np.arange(10_000, dtype=np.float64)
    y = dice.normal(size=10_000)
    line = thin(x, y, 202)
    assert not line.exact
    assert len(line.x) <= 202
    buckets = (x / (x[-1] - x[0]) * 100).astype(int).clip(max=99)
    kept = set(zip(line.x, line.y, strict=True))
    for bucket in range(100):
        inside = buckets == bucket
        for extreme in (np.argmin(y[inside]), np.argmax(y[inside])):
            assert (x[inside][extreme], y[inside][extreme]) in kept
    where = buckets[line.x.astype(int)]
    assert line.lo.tolist() == [y[buckets == b].min() for b in where]
    assert line.hi.tolist() == [y[buckets == b].max() for b in where]


def test_a_single_spike_stays() -> None:
    x = np.arange(1_000_000, dtype=np.float64)
    y = np.zeros(1_000_000)
    y[123_456] = 7.0
    line = thin(x, y, 500)
    assert (123_456.0, 7.0) in set(zip(line.x, line.y, strict=True))


def test_few_points_are_exact() -> None:
    line = thin(*arrays([1, 2, 3], [4, math.nan, 6]), 3)
    assert line.exact
    assert line.x.tolist() == [1, 3]
    assert line.marks == ((2.0, "NaN"),)
    assert line.total == 2


def test_marks_are_few() -> None:
    x = np.arange(100_000, dtype=np.float64)
    line = thin(x, np.full(100_000, math.nan), 100)
    assert len(line.marks) <= 100
    assert line.total == 0
    assert line.exact


@pytest.mark.parametrize("x", [[5.0] * 50, list(range(50, 0, -1)), [0.0, 1.7e308] * 25])
def test_x_that_does_not_grow(x: list[float]) -> None:
    y = [math.sin(n) for n in range(50)]
    line = thin(*arrays(x, y), 10)
    assert len(line.x) <= 10
    assert line.y.max() == max(y)
