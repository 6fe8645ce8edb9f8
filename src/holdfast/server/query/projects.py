"""Projects, and what changed in one since somebody looked.

Must not know HTTP or SQL.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.server.metastore import reads
from holdfast.server.query.sources import Stores, must_find_project

__all__ = ["changes", "made", "numbered", "projects"]


def projects(stores: Stores) -> dict[str, Any]:
    """``{projects: [...]}``, the one heard of last first."""
    with stores.meta.read() as tx:
        return {"projects": [_project(row) for row in reads.project_rows(tx)]}


def numbered(stores: Stores, entity: str) -> dict[int, dict[str, Any]]:
    """The projects of an entity by their numbers on this server."""
    with stores.meta.read() as tx:
        return {row.pk: _project(row) for row in reads.project_rows(tx, entity)}


def made(stores: Stores, entity: str, project: str) -> tuple[int, float]:
    """A project's number on this server, and when it was made (Unix seconds).

    Raises:
        NotFoundError: there is none of this name.
    """
    with stores.meta.read() as tx:
        found = reads.project_made(tx, entity, project)
    if found is None:
        raise NotFoundError(f"no project {entity}/{project}", "check the name")
    return found


def _project(row: reads.ProjectRow) -> dict[str, Any]:
    said = asdict(row)
    del said["pk"]
    return said


def changes(stores: Stores, entity: str, project: str, since: int | None) -> dict[str, Any]:
    """``{cursor, runs}``: which runs changed after a cursor; without one, where things stand."""
    with stores.meta.read() as tx:
        key = must_find_project(tx, entity, project)
        if since is None:
            return {"cursor": reads.last_change(tx, key), "runs": []}
        cursor, run_ids = reads.changed_runs(tx, key, since)
    return {"cursor": cursor, "runs": run_ids}
