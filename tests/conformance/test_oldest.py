"""The table of docs/wandb-clients.md for the oldest client. Real wandb, a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import Server

from conformance.cell import Lengths
from conformance.clients import CLIENTS
from conformance.runner import Job, play_one
from conformance.scenarios import SCENARIOS, Scenario

OLDEST = CLIENTS[0]
SHORT = Lengths(outage_s=6)


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if not one.lacks(OLDEST)], ids=lambda one: one.name
)
def test_scenario(scenario: Scenario, server: Server, tmp_path: Path) -> None:
    verdict = play_one(Job(scenario, OLDEST), server, tmp_path / "cell", SHORT)
    assert verdict.outcome == "pass", verdict.reason
