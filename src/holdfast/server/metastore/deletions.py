"""The statements about runs that were deleted.

Must not know what follows from it. Each function takes an open transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select

from holdfast.ids import RunPath
from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.schema import deletions
from holdfast.server.metastore.store import Transaction

__all__ = ["Deletion", "add", "find", "forget"]

_OF_RUN = (
    deletions.c.entity == bindparam("the_entity"),
    deletions.c.project == bindparam("the_project"),
    deletions.c.run_id == bindparam("the_id"),
)
_FIND = Prepared(select(deletions.c.deleted_at, deletions.c.deleted_by).where(*_OF_RUN))


@dataclass(frozen=True)
class Deletion:
    """When a run was deleted (Unix seconds), and by which user."""

    at: float
    by: str


def find(tx: Transaction, run: RunPath) -> Deletion | None:
    """That a run was deleted; None when it was not."""
    row = _FIND.first(tx, _named(run))
    return None if row is None else Deletion(*row)


def add(tx: Transaction, run: RunPath, deletion: Deletion) -> None:
    """Remember that a run, which was not deleted before, is now."""
    values = {**run._asdict(), "deleted_at": deletion.at, "deleted_by": deletion.by}
    tx.execute(insert(deletions), values)


def forget(tx: Transaction, run: RunPath) -> None:
    """As if it had never been."""
    tx.execute(delete(deletions).where(*_OF_RUN), _named(run))


def _named(run: RunPath) -> dict[str, str]:
    return {"the_entity": run.entity, "the_project": run.project, "the_id": run.run_id}
