"""Random schedules of faults, in memory and without waiting: all of it, once, whatever happens.

A failure names its seed and what happened; ``play("SEED")`` plays it again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from crash.simulation import World

from holdfast.sync import survey

_SHARES = 8


@pytest.mark.parametrize("share", range(_SHARES))
def test_schedules(
    share: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    crash_schedules: int,
    crash_seed: int,
) -> None:
    monkeypatch.setattr(survey, "_MARK_BYTES", 1000)  # small runs in many chunks
    for number in range(share, crash_schedules, _SHARES):
        play(f"{crash_seed} {number}", tmp_path / "runs")


def play(seed: str, folder: Path) -> None:
    folder.mkdir()
    world = World(seed, folder)
    try:
        world.play()
    except AssertionError as error:
        happened = "\n  ".join(world.log)
        raise AssertionError(f"schedule {seed!r}: {error}\n  {happened}") from error
    shutil.rmtree(folder)
