"""What a scenario is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.cell import Cell
from conformance.clients import Client

__all__ = ["Scenario"]


def _has_all(client: Client) -> str:
    del client
    return ""


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: for the command line and for folders.
        title: for the table.
        play: does it, and raises a MismatchError where anything is not as logged.
        lacks: why a client cannot do it at all; empty when it can.
        own_server: it takes its server away, so it needs one of its own.
    """

    name: str
    title: str
    play: Callable[[Cell], None]
    lacks: Callable[[Client], str] = _has_all
    own_server: bool = False
