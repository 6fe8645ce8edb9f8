"""Medians, ratios and goals are what they say, and the table tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.environments import Environment
from bench.figures import FIGURES, Figure, Ratio, Samples
from bench.report import table

_LOG = next(figure for figure in FIGURES if figure.key == "log_p50_us")
_BIG = next(figure for figure in FIGURES if figure.key == "big_rows_s")


def _samples() -> Samples:
    samples = Samples()
    for ours, theirs in ((7.0, 140.0), (8.0, 80.0), (6.0, 150.0)):
        samples.add("holdfast", {"log_p50_us": ours})
        samples.add("wandb", {"log_p50_us": theirs})
    samples.add("holdfast", {"big_rows_s": 120_000.0})
    samples.add("wandb", {"big_rows_s": 10_000.0})
    return samples


def test_ratios_are_taken_within_a_round() -> None:
    samples = _samples()
    assert samples.median("holdfast", "log_p50_us") == 7.0
    assert samples.ratio(_LOG, "wandb") == Ratio(20.0, 10.0, 25.0)
    assert samples.ratio(_BIG, "wandb") == Ratio(12.0, 12.0, 12.0)
    assert samples.ratio(_LOG, "trackio") is None


@pytest.mark.parametrize(
    ("value", "ratio", "met"), [(8.0, 15.0, True), (8.1, 15.0, False), (8.0, 14.9, False)]
)
def test_a_goal_has_a_limit_and_a_ratio(value: float, ratio: float, met: bool) -> None:
    assert _LOG.met(value, ratio) is met


def test_goals_not_measured_are_not_met_nor_missed() -> None:
    assert _LOG.met(1.0, None) is None
    assert Figure("x", "x").met(1.0, 1.0) is None
    assert _BIG.met(99_999.0, None) is False
    assert _BIG.met(100_000.0, None) is True


def test_the_table_says_none_where_a_tool_has_no_figure() -> None:
    tools = [Environment(name, "1.0", Path()) for name in ("holdfast", "wandb", "trackio")]
    lines = [line.split("  ") for line in table(tools, _samples()).splitlines()]
    cells = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines}
    assert cells["sync of the big run, rows/s"] == [
        "120,000",
        "10,000",
        "none",
        "12 (12-12)",
        ">= 100,000",
        "met",
    ]
