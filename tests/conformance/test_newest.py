"""The table of docs/wandb-clients.md for the newest client, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import Server

from conformance.cell import Lengths
from conformance.clients import NEWEST
from conformance.runner import Job, play_one
from conformance.scenarios import SCENARIOS, Scenario, way_back

SHORT = Lengths(outage_s=6)


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, *way_back.SCENARIOS], ids=lambda scenario: scenario.name
)
def test_scenario(scenario: Scenario, server: Server, tmp_path: Path) -> None:
    verdict = play_one(Job(scenario, NEWEST), server, tmp_path / "cell", SHORT)
    assert verdict.outcome == "pass", verdict.reason
