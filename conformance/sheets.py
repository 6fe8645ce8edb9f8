"""The sheets of the page: which scenarios are played with which clients."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.clients import CLIENTS, FRAMEWORKS, NEWEST, Client
from conformance.scenarios import SCENARIOS, Scenario, frameworks, way_back

__all__ = ["SHEETS", "Sheet"]


@dataclass(frozen=True)
class Sheet:
    """One table of the page: a row for each scenario, a column for each client."""

    title: str
    scenarios: tuple[Scenario, ...]
    clients: tuple[Client, ...]


SHEETS = (
    Sheet("wandb's own clients", SCENARIOS, CLIENTS),
    Sheet("Frameworks with their wandb integration", frameworks.SCENARIOS, (FRAMEWORKS,)),
    Sheet("The way back: Holdfast's run folders", way_back.SCENARIOS, (NEWEST,)),
)
