"""Names, curves, atomic files: the small parts."""

from __future__ import annotations

import math
import os
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


def test_the_folder_of_files_never_holds_half_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, replace = tmp_path / "files", os.replace
    files.mkdir()
    seen: list[list[str]] = []

    def looking(source: Path, target: Path) -> None:
        seen.append([path.name for path in files.iterdir()])
        replace(source, target)

    monkeypatch.setattr(os, "replace", looking)
    replace_file(files, "a.json", "one")
    replace_file(files, "a.json", "two")
    assert (files / "a.json").read_text() == "two"
    assert seen == [[], ["a.json"]]
