"""The fast road writes what the other one writes, and hands back what it cannot write."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from holdfast.records.decode import history_row, parse
from holdfast.records.encode import HistoryEncoder
from holdfast.records.plain_rows import PlainRows, opened

NOW, RUNTIME = 1795225837286, 12345


def both(row: dict[str, Any], step: int) -> tuple[Any, Any]:
    """The row as each of the two wrote it, read back."""
    fast = PlainRows().encode(row, step, NOW, RUNTIME)
    assert fast is not None
    times = {"_timestamp": NOW / 1000, "_runtime": RUNTIME / 1000}
    slow = HistoryEncoder().encode({**row, **times}, step)
    return history_row(parse(fast).history), history_row(parse(slow).history)


@pytest.mark.parametrize("step", [0, 1, 127, 128, 16383, 16384, 2**21, 2**31, 2**40])
def test_steps(step: int) -> None:
    fast, slow = both({"loss": 0.5}, step)
    assert fast == slow
    assert fast["_step"] == step


@pytest.mark.parametrize(
    "value",
    [0.0, -0.0, 1e-320, -1.7976931348623157e308, 0.1 + 0.2, 1e22, 0, -1, 2**63, -(10**28)],
)
def test_values(value: float) -> None:
    fast, slow = both({"a": value}, 3)
    assert fast == slow
    assert type(fast["a"]) is type(value)
    assert math.copysign(1, fast["a"]) == math.copysign(1, value)


@pytest.mark.parametrize("key", ["a", "train/loss", "a.b", "ключ", "", "x" * 80, "\ud800", "\x00"])
def test_keys(key: str) -> None:
    fast, slow = both({key: 1.5, "b": 2}, 3)
    assert fast == slow


def test_many_rows_of_changing_shape() -> None:
    chance = random.Random(7)
    encoder, slow = PlainRows(), HistoryEncoder()
    for step in range(3000):
        names = chance.sample([f"metric{n}" for n in range(12)], chance.randrange(1, 9))
        row = {name: chance.choice((chance.random(), chance.randrange(10**6))) for name in names}
        now = NOW + step // 3
        fast = encoder.encode(row, step, now, now - NOW)
        assert fast is not None
        times = {"_timestamp": now / 1000, "_runtime": (now - NOW) / 1000}
        expected = slow.encode({**row, **times}, step)
        assert history_row(parse(fast).history) == history_row(parse(expected).history)


def test_rows_of_all_sizes() -> None:
    for count in (1, 2, 3, 60, 500, 2000):
        fast, slow = both({f"k{n}": n / 7 for n in range(count)}, 5)
        assert fast == slow


def test_a_clock_that_was_set_back() -> None:
    payload = PlainRows().encode({"a": 1}, 0, NOW, -5000)
    assert payload is not None
    assert history_row(parse(payload).history)["_runtime"] == 0


class _Half(float):
    def __repr__(self) -> str:
        return "half"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"a": math.nan},
        {"a": math.inf, "b": -math.inf},
        {"a": 1.7e308, "b": 1.7e308},  # whose sum is infinite: the other road takes it
        {"a": True},
        {"a": None},
        {"a": "text"},
        {"a": [1]},
        {"a": {"b": 1}},
        {"a": 10**40},
        {"a": 10**400, "b": 0.5},
        {"a": np.float64(1)},
        {"a": np.float32(1)},
        {"a": Fraction(1, 2), "b": 0.5},
        {"a": _Half(0.5)},
        {"x" * 81: 1},
        {"_step": 1},
        {"_timestamp": 1.5},
        {"_runtime": 1},
        {1: 1},
        {("a",): 1},
        [1],
        ["a"],
        0.5,
        None,
    ],
    ids=repr,
)
def test_what_is_handed_back(row: Any) -> None:
    encoder = PlainRows()
    assert encoder.encode(row, 0, NOW, RUNTIME) is None
    assert encoder.encode(row, 0, NOW, RUNTIME) is None
    assert encoder.encode({"a": 1}, 0, NOW, RUNTIME) is not None


@pytest.mark.parametrize("count", [1, 2, 5, 800])
def test_an_open_row(count: int) -> None:
    row = {f"k{n}": n / 7 for n in range(count)}
    payload = PlainRows().encode(row, 9, NOW, RUNTIME)
    assert payload is not None
    record = parse(opened(payload))
    assert record.telemetry.open_row == parse(payload).history
