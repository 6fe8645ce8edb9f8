"""The statements by which a run's row is kept in step with its journals.

Must not know how journals are merged. Each function takes an open transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from holdfast.ids import RunPath
from holdfast.records.values import loads
from holdfast.server.metastore.named import IS_RUN
from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.schema import counters, journals, projects, runs, stretches
from holdfast.server.metastore.store import Transaction

__all__ = [
    "SAID",
    "JournalFacts",
    "RunSaid",
    "facts_of",
    "greatest_step",
    "remove",
    "replays_in_order",
    "replays_of",
    "said_of",
    "update_run",
]

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
    role: str
    replaces: str
    records: str
    first_row: str | None
    label: str

    @property
    def ended(self) -> bool:
        """Whether it has its exit record."""
        return self.exit_code is not None

    @property
    def preempting(self) -> bool:
        """Whether it says that the machine will be taken away."""
        return "preempting" in loads(self.records)


@dataclass(frozen=True)
class RunSaid:
    """What a run's row says that an edit may change; JSON columns as text."""

    pk: int
    name: str
    notes: str
    group: str
    job_type: str
    tags: str
    config: str
    summary: str
    metadata: str
    rows: int
    stop_requested_at: float | None


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
    journals.c.role,
    journals.c.replaces,
    journals.c.records,
    journals.c.first_row,
    journals.c.label,
)


_FACTS_OF = Prepared(
    select(*_FACTS)
    .where(journals.c.run_pk == bindparam("the_run"))
    .order_by(journals.c.started_at, journals.c.journal)
)
_REPLAYS_OF = Prepared(
    select(journals.c.id, journals.c.replay, journals.c.metric_keys).where(
        journals.c.run_pk == bindparam("the_run")
    )
)
_REPLAYS_IN_ORDER = Prepared(
    select(journals.c.replay)
    .join(runs, runs.c.id == journals.c.run_pk)
    .join(projects, projects.c.id == runs.c.project_id)
    .where(IS_RUN)
    .order_by(journals.c.started_at, journals.c.journal)
)
_SAID_NAMES = (
    *("id", "name", "notes", "group", "job_type", "tags", "config", "summary", "metadata", "rows"),
    "stop_requested_at",
)
SAID = tuple(runs.c[name] for name in _SAID_NAMES)
"""The columns of `RunSaid`."""
_SAID_OF = Prepared(select(*SAID).join(projects, projects.c.id == runs.c.project_id).where(IS_RUN))
_GREATEST_STEP = Prepared(
    select(func.max(stretches.c.last_step))
    .join(journals, journals.c.id == stretches.c.journal_pk)
    .where(journals.c.run_pk == bindparam("the_run"), stretches.c.rows > 0)
)
_THE_RUN = update(runs).where(runs.c.id == bindparam("the_run"))
_COUNT = Prepared(
    update(counters).where(counters.c.name == _CHANGED).values(value=counters.c.value + 1)
)
_COUNTED = select(counters.c.value).where(counters.c.name == _CHANGED)
_UPDATE_RUN = Prepared(_THE_RUN)
_CHANGE_RUN = Prepared(_THE_RUN.values(changed=_COUNTED.scalar_subquery()))


def facts_of(tx: Transaction, run_pk: int) -> list[JournalFacts]:
    """The journals of a run in reading order: by (started_at, journal)."""
    return [JournalFacts(*row) for row in _FACTS_OF.all(tx, {"the_run": run_pk})]


def replays_of(tx: Transaction, run_pk: int) -> dict[int, tuple[str, str]]:
    """{journal's key: (replay, metric_keys)} of a run, both as text."""
    rows = _REPLAYS_OF.all(tx, {"the_run": run_pk})
    return {pk: (replay, keys) for pk, replay, keys in rows}


def replays_in_order(tx: Transaction, run: RunPath) -> list[str]:
    """The replays of a run's journals in reading order, as text; none without the run."""
    return [row[0] for row in _REPLAYS_IN_ORDER.all(tx, run._asdict())]


def said_of(tx: Transaction, run: RunPath) -> RunSaid | None:
    """What a run says; None for a run that is not there."""
    row = _SAID_OF.first(tx, run._asdict())
    return None if row is None else RunSaid(*row)


def greatest_step(tx: Transaction, run_pk: int) -> int | None:
    """The greatest step of any closed row of a run."""
    found: int | None = _GREATEST_STEP.value(tx, {"the_run": run_pk})
    return found


def remove(tx: Transaction, run_pk: int) -> None:
    """Remove a run with all that hangs on it; the blobs it named are orphans then."""
    tx.execute(delete(runs).where(runs.c.id == run_pk))


def update_run(
    tx: Transaction, run_pk: int, values: Mapping[str, Any], *, changed: bool = True
) -> None:
    """Change a run's row, and give it the next number of the server's counter of changes.

    ``changed=False`` leaves the number alone: nothing changed but when the run was heard of.
    """
    if changed:
        _count(tx)
    (_CHANGE_RUN if changed else _UPDATE_RUN).change(tx, {**values, "the_run": run_pk})


def _count(tx: Transaction) -> None:
    """The counter's row stays locked until the commit, so numbers and commits have one order."""
    if not _COUNT.change(tx, {}):
        tx.execute(insert(counters).values(name=_CHANGED, value=1))
