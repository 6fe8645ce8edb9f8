"""Names, curves, atomic files: the small parts."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

import pytest

from holdfast.client.files import replace_file
from holdfast.client.names import new_name
from holdfast.client.notice import sparkline
from holdfast.client.recorder import Samples


def test_names() -> None:
    names = {new_name() for _ in range(200)}
    assert len(names) > 190
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-[1-9][0-9]{0,2}", name) for name in names)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([], ""),
        ([1], "▁"),
        ([2, 2, 2], "▁▁▁"),
        ([0, 1], "▁█"),
        ([0, math.nan, 1, math.inf], "▁ █ "),
        ([math.nan], ""),
        ([-1.7e308, 1.7e308], "▁█"),
        ([10**400 // 10**400, 2], "▁█"),
    ],
)
def test_sparkline(numbers: list[float], expected: str) -> None:
    assert sparkline(numbers) == expected


def test_a_sparkline_is_never_long() -> None:
    assert len(sparkline(range(10_000))) == 40


def test_samples_are_spread_evenly() -> None:
    samples = Samples()
    for number in range(10_000):
        if not number & samples.mask:
            samples.add({"n": number})
    numbers = [row["n"] for row in samples.rows]
    assert 60 <= len(numbers) <= 160
    assert len({b - a for a, b in pairwise(numbers)}) == 1
    assert numbers[-1] > 9_800


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    replace_file(path, "one")
    replace_file(path, "two \ud800")
    assert path.read_text() == "two \\ud800"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(OSError, match="missing"):
        replace_file(tmp_path / "missing" / "a.json", "x")
