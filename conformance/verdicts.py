"""What a cell of the table can be: passed, failed, or not there in this client."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MismatchError", "Verdict"]


class MismatchError(Exception):
    """What the server holds, or what a client did, is not what was expected."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of one cell.

    Attributes:
        outcome: ``pass``, ``fail`` or ``n/a``.
        reason: why not ``pass``.
        seconds: how long it took.
    """

    outcome: str
    reason: str = ""
    seconds: float = 0.0
