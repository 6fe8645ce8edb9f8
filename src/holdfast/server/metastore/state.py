"""What state a run is in, from what was last heard of it; and what can be proven of its journals.

Must not know tables or who asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from holdfast.records.values import loads

__all__ = [
    "CLIENT",
    "CLIENT_SECONDS",
    "EDITS",
    "HEARD_SECONDS",
    "journal_proof",
    "run_state",
    "shown",
]

CLIENT = "client"
"""How the writer of a server-written journal is: a wandb client was heard of."""

EDITS = "edits"
"""The role of a journal that holds what was changed afterwards: nobody sent it."""

CLIENT_SECONDS = 300.0
"""How long such a client, which says something every 30 seconds, may be silent."""

HEARD_SECONDS = 120.0
"""How long after the last word of a live writer a run still counts as running."""


class _Journal(Protocol):
    """What has to be known of a journal to tell which of several stands for the others."""

    @property
    def journal(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def gaps(self) -> str: ...
    @property
    def ended(self) -> bool: ...
    @property
    def replaces(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def first_row(self) -> str | None: ...


_J = TypeVar("_J", bound=_Journal)


def shown(journals: Sequence[_J]) -> list[_J]:
    """Those journals of one run that count, in their order.

    Of a repaired journal and those that it was repaired from one counts: the repaired one, unless
    another arrived before it was damaged and so holds more rows, or as many and all else.

    A session that a wandb client told the server, and whose folder was brought too, is there twice:
    both begin with the same row. The one that holds more counts, and of equal ones the folder's,
    which can be proven.
    """
    hidden: set[str] = set()
    for repaired in journals:
        if repaired.replaces != "[]":
            replaces = set(loads(repaired.replaces))
            others = [other for other in journals if other.journal in replaces]
            better = any(_holds_more(other, repaired) for other in others)
            hidden |= {repaired.journal} if better else replaces - {repaired.journal}
    folders: dict[str, list[_J]] = {}
    for brought in journals:
        if not brought.role and brought.first_row is not None:
            folders.setdefault(brought.first_row, []).append(brought)
    for told in journals:
        for brought in folders.get(told.first_row or "", []) if told.role else ():
            hidden.add(told.journal if brought.rows >= told.rows else brought.journal)
    return [journal for journal in journals if journal.journal not in hidden] or list(journals)


def _holds_more(damaged: _Journal, repaired: _Journal) -> bool:
    if damaged.rows != repaired.rows:
        return damaged.rows > repaired.rows
    return damaged.ended and damaged.gaps == "[]" != repaired.gaps


def run_state(
    exit_code: int | None, writer: str, heard_at: float, now: float, *, preempting: bool = False
) -> str:
    """The state of a run: finished, failed, running, preempted, crashed or pending.

    Args:
        exit_code: of its latest journal; None while that has no exit record.
        writer: alive, gone or unknown, as last heard; or `CLIENT`.
        heard_at: when that was, Unix seconds.
        now: Unix seconds.
        preempting: that journal says that the machine will be taken away.

    >>> run_state(None, "alive", heard_at=100.0, now=160.0)
    'running'
    """
    if exit_code is not None:
        return "failed" if exit_code else "finished"
    silent = now - heard_at > (CLIENT_SECONDS if writer == CLIENT else HEARD_SECONDS)
    if writer in {"alive", CLIENT} and not silent:
        return "running"
    if preempting and (silent or writer == "gone"):
        return "preempted"
    return "crashed" if writer in {"gone", CLIENT} else "pending"


def journal_proof(role: str, *, gaps: bool, claimed: bool, ended: bool) -> str:
    """What can be proven of one journal: gaps, confirmed, received or arriving.

    Args:
        role: empty for a journal that a sender brought, else what the server writes it for.
        gaps: parts of it could not be read.
        claimed: a claim of what lies on the sender's disk matched, and nothing came since.
        ended: it has its exit record.

    A wandb client claims nothing. That it ended its stream says that each line of it was answered,
    and no more.

    >>> journal_proof("server", gaps=False, claimed=False, ended=True)
    'received'
    """
    if gaps:
        return "gaps"
    if claimed or role == EDITS:
        return "confirmed"
    return "received" if role and ended else "arriving"
