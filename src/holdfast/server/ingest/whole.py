"""What concerns a run or a project whole: making a project, asking a run to stop.

Must not know who may.
"""

from __future__ import annotations

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.ingest.base import Base
from holdfast.server.metastore import journals, reads, runs

__all__ = ["make_project", "request_stop"]


def request_stop(base: Base, run: RunPath) -> None:
    """See `Ingest.request_stop`."""
    with base.store.write() as tx:
        said = runs.said_of(tx, run)
        if said is None:
            raise NotFoundError(f"no run {run}", "check the name")
        runs.update_run(tx, said.pk, {"stop_requested_at": base.clock()})


def make_project(base: Base, entity: str, project: str) -> bool:
    """See `Ingest.make_project`."""
    with base.store.write() as tx:
        new = reads.project_id(tx, entity, project) is None
        journals.make_project(tx, entity, project, base.clock())
    return new
