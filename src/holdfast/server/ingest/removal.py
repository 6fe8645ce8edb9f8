"""Removing a run, and asking one to stop.

Must not know who may. Blobs that nothing names any more are left to `upkeep`.
"""

from __future__ import annotations

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.ingest.base import Base
from holdfast.server.metastore import runs

__all__ = ["remove_run", "request_stop"]


def remove_run(base: Base, run: RunPath) -> bool:
    """See `Ingest.remove_run`."""
    with base.locks.of(run), base.store.write() as tx:
        said = runs.said_of(tx, run)
        if said is not None:
            runs.remove(tx, said.pk)
    return said is not None


def request_stop(base: Base, run: RunPath) -> None:
    """See `Ingest.request_stop`."""
    with base.store.write() as tx:
        said = runs.said_of(tx, run)
        if said is None:
            raise NotFoundError(f"no run {run}", "check the name")
        runs.update_run(tx, said.pk, {"stop_requested_at": base.clock()})
