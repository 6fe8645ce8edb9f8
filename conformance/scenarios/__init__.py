"""The scenarios, in the order of the table. A new one is a function and a line in its module."""

from __future__ import annotations

from conformance.scenarios import api, faults, live, offline, resuming
from conformance.scenarios.scenario import Scenario

__all__ = ["SCENARIOS", "Scenario"]

SCENARIOS: tuple[Scenario, ...] = (
    *live.SCENARIOS,
    *resuming.SCENARIOS,
    *offline.SCENARIOS,
    *api.SCENARIOS,
    *faults.SCENARIOS,
)
