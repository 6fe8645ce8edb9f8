"""The fast road writes what the other one writes, and hands back what it cannot write."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from holdfast.records.decode import add_runtime, history_row, parse
from holdfast.records.encode import HistoryEncoder
from holdfast.records.plain_rows import PlainRows, opened

NOW, RUNTIME = 1795225837286, 12345


def both(row: dict[str, Any], step: int) -> tuple[Any, Any]:
    """The row as each of the two wrote it, read back."""
    fast = PlainRows(NOW - RUNTIME).encode(row, step, NOW)
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
    encoder, slow = PlainRows(NOW), HistoryEncoder()
    for step in range(3000):
        names = chance.sample([f"metric{n}" for n in range(12)], chance.randrange(1, 9))
        row = {name: chance.choice((chance.random(), chance.randrange(10**6))) for name in names}
        now = NOW + step // 3
        fast = encoder.encode(row, step, now)
        assert fast is not None
        times = {"_timestamp": now / 1000, "_runtime": (now - NOW) / 1000}
        expected = slow.encode({**row, **times}, step)
        found = add_runtime(history_row(parse(fast).history), NOW)
        assert found == history_row(parse(expected).history)


def test_rows_of_all_sizes() -> None:
    for count in (1, 2, 3, 60, 500, 2000):
        fast, slow = both({f"k{n}": n / 7 for n in range(count)}, 5)
        assert fast == slow


def test_a_clock_that_was_set_back() -> None:
    payload = PlainRows(NOW + 5000).encode({"a": 1}, 0, NOW)
    assert payload is not None
    assert history_row(parse(payload).history)["_runtime"] == 0


def test_each_kind_of_row_tells_its_runtime_once_a_second() -> None:
    encoder = PlainRows(NOW)
    told: dict[str, list[int]] = {"a": [], "b": []}
    for moment in range(0, 3500, 100):
        for key, times in told.items():
            if key == "b" and moment < 500:
                continue
            payload = encoder.encode({key: 0.5}, 0, NOW + moment)
            assert payload is not None
            row = history_row(parse(payload).history)
            assert row["_timestamp"] == (NOW + moment) / 1000
            if "_runtime" in row:
                assert row["_runtime"] == moment / 1000
                times.append(moment)
    assert told == {"a": [0, 1000, 2000, 3000], "b": [500, 1000, 2000, 3000]}


def test_more_names_than_are_kept_ready() -> None:
    encoder = PlainRows(NOW)
    for number in range(2500):
        payload = encoder.encode({f"k{number}": 0.5, "a": 1}, number, NOW)
        assert payload is not None
        row = history_row(parse(payload).history)
        assert row == {
            f"k{number}": 0.5,
            "a": 1,
            "_timestamp": NOW / 1000,
            "_runtime": 0,
            "_step": number,
        }


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
    encoder = PlainRows(NOW - RUNTIME)
    assert encoder.encode(row, 0, NOW) is None
    assert encoder.encode(row, 0, NOW) is None
    assert encoder.encode({"a": 1}, 0, NOW) is not None


@pytest.mark.parametrize("count", [1, 2, 5, 800])
def test_an_open_row(count: int) -> None:
    row = {f"k{n}": n / 7 for n in range(count)}
    payload = PlainRows(NOW - RUNTIME).encode(row, 9, NOW)
    assert payload is not None
    record = parse(opened(payload))
    assert record.telemetry.open_row == parse(payload).history
