"""Stretches: where they begin, and which rows later ones take over."""

from __future__ import annotations

import random

import numpy as np
import pytest

from holdfast.server.history import Stretch, extend, step_array
from holdfast.server.history.stretches import hidden_rows, hidden_spans, numbers


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], []),
        ([5], [Stretch(0, 5, 5, 1)]),
        ([0, 1, 9], [Stretch(0, 0, 9, 3)]),
        ([0, 1, 1, 2], [Stretch(0, 0, 1, 2), Stretch(1, 1, 2, 2)]),
        ([3, 2, 1], [Stretch(0, 3, 3, 1), Stretch(1, 2, 2, 1), Stretch(2, 1, 1, 1)]),
        ([0, 5, 3, 4, 0], [Stretch(0, 0, 5, 2), Stretch(1, 3, 4, 2), Stretch(2, 0, 0, 1)]),
        # no number of 64 bits says how far this one falls
        ([2**62, -(2**63)], [Stretch(0, 2**62, 2**62, 1), Stretch(1, -(2**63), -(2**63), 1)]),
    ],
)
def test_where_stretches_begin(steps: list[int], expected: list[Stretch]) -> None:
    assert extend(None, None, step_array(steps)) == expected


def test_in_parts_they_are_the_same() -> None:
    dice = random.Random(3)
    for _ in range(200):
        steps = [dice.randrange(12) for _ in range(dice.randrange(1, 30))]
        whole = extend(None, None, step_array(steps))
        found: list[Stretch] = []
        start = 0
        while start < len(steps):
            end = start + dice.randrange(1, 6)
            last_step = steps[start - 1] if start else None
            more = extend(found[-1] if found else None, last_step, step_array(steps[start:end]))
            if found and more and more[0].number == found[-1].number:
                found.pop()
            found += more
            start = end
        assert found == whole
        expected = [n for n, s in enumerate(found) for _ in range(s.rows)]
        assert numbers(found, 0, len(steps)).tolist() == expected
        assert numbers(found, 3, 4).tolist() == expected[3:7]


def test_what_is_hidden_is_what_the_rule_says() -> None:
    dice = random.Random(4)
    for _ in range(200):
        steps = [dice.randrange(15) for _ in range(dice.randrange(1, 40))]
        stretches = extend(None, None, step_array(steps))
        owners = numbers(stretches, 0, len(steps))
        spans = hidden_spans(stretches)
        for index, step in enumerate(steps):
            later = stretches[owners[index] + 1 :]
            hidden = any(s.first_step <= step <= s.last_step for s in later)
            found = hidden_rows(np.array([step], dtype=np.int64), spans[owners[index]])
            assert found.tolist() == [hidden]


def test_steps_beyond_64_bits_become_the_nearest() -> None:
    assert step_array([1, 2**70, -(2**70)]).tolist() == [1, 2**63 - 1, -(2**63)]
