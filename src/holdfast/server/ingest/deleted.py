"""Runs that somebody deletes: they stay away until somebody says that they shall come again.

Senders have them on their disks, and would bring them back at their next look. Owns that rule.
Blobs that nothing names any more are left to `upkeep`. Must not know who may, or HTTP.
"""

from __future__ import annotations

from holdfast.ids import RunPath
from holdfast.server.ingest.base import Base
from holdfast.server.ingest.errors import RunDeleted
from holdfast.server.metastore import Transaction, deletions, runs
from holdfast.server.metastore.deletions import Deletion

__all__ = ["check", "readmit", "remove_run"]


def check(tx: Transaction, run: RunPath) -> None:
    """Refuse a run that was deleted; to be asked about one that is not there.

    Raises:
        RunDeleted: it was.
    """
    found = deletions.find(tx, run)
    if found is not None:
        raise RunDeleted(run, found.at, found.by)


def remove_run(base: Base, run: RunPath, by: str) -> bool:
    """See `Ingest.remove_run`."""
    with base.locks.of(run), base.store.write() as tx:
        said = runs.said_of(tx, run)
        if said is not None:
            runs.remove(tx, said.pk)
            deletions.add(tx, run, Deletion(base.clock(), by))
    return said is not None


def readmit(base: Base, run: RunPath) -> None:
    """See `Ingest.readmit`."""
    with base.locks.of(run), base.store.write() as tx:
        deletions.forget(tx, run)
