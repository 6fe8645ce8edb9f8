"""The statements by which a run's row is kept in step with its journals.

Must not know how journals are merged. Each function takes an open transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from holdfast.server.metastore.schema import counters, journals, runs
from holdfast.server.metastore.store import Transaction

__all__ = ["JournalFacts", "facts_of", "replays_of", "update_run"]

_CHANGED = "changed"


@dataclass(frozen=True)
class JournalFacts:
    """The short columns of a journal that a run's row is made from."""

    pk: int
    journal: str
    started_at: float
    position: int
    gaps: str
    rows: int
    open_row: str | None
    last_step: int | None
    duration: float
    exit_code: int | None
    writer: str
    heard_at: float
    claim: str | None


_FACTS = (
    journals.c.id,
    journals.c.journal,
    journals.c.started_at,
    journals.c.position,
    journals.c.gaps,
    journals.c.rows,
    journals.c.open_row,
    journals.c.last_step,
    journals.c.duration,
    journals.c.exit_code,
    journals.c.writer,
    journals.c.heard_at,
    journals.c.claim,
)


_FACTS_OF = (
    select(*_FACTS)
    .where(journals.c.run_pk == bindparam("the_run"))
    .order_by(journals.c.started_at, journals.c.journal)
)
_REPLAYS_OF = select(journals.c.id, journals.c.replay, journals.c.metric_keys).where(
    journals.c.run_pk == bindparam("the_run")
)
_UPDATE_RUN = update(runs).where(runs.c.id == bindparam("the_run"))
_COUNT = update(counters).where(counters.c.name == _CHANGED).values(value=counters.c.value + 1)
_COUNTED = select(counters.c.value).where(counters.c.name == _CHANGED)


def facts_of(tx: Transaction, run_pk: int) -> list[JournalFacts]:
    """The journals of a run in reading order: by (started_at, journal)."""
    return [JournalFacts(*tuple(row)) for row in tx.execute(_FACTS_OF, {"the_run": run_pk})]


def replays_of(tx: Transaction, run_pk: int) -> dict[int, tuple[str, str]]:
    """{journal's key: (replay, metric_keys)} of a run, both as text."""
    rows = tx.execute(_REPLAYS_OF, {"the_run": run_pk})
    return {pk: (replay, keys) for pk, replay, keys in rows}


def update_run(
    tx: Transaction, run_pk: int, values: Mapping[str, Any], *, changed: bool = True
) -> None:
    """Change a run's row, and give it the next number of the server's counter of changes.

    ``changed=False`` leaves the number alone: nothing changed but when the run was heard of.
    """
    number = {"changed": _next(tx)} if changed else {}
    tx.execute(_UPDATE_RUN, {**values, **number, "the_run": run_pk})


def _next(tx: Transaction) -> int:
    """The counter's row stays locked until the commit, so numbers and commits have one order."""
    if not tx.execute(_COUNT).rowcount:
        tx.execute(insert(counters).values(name=_CHANGED, value=1))
    return int(tx.execute(_COUNTED).scalar_one())
