"""Projects, and what changed in one since somebody looked.

Must not know HTTP or SQL.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.server.metastore import reads
from holdfast.server.query.sources import Stores, must_find_project

__all__ = ["changes", "numbered", "projects"]


def projects(stores: Stores) -> dict[str, Any]:
    """``{projects: [...]}``, the one heard of last first."""
    with stores.meta.read() as tx:
        return {"projects": [_project(row) for row in reads.project_rows(tx)]}


def numbered(stores: Stores, entity: str, name: str | None = None) -> dict[int, dict[str, Any]]:
    """The projects of an entity, or the one of a name, by their numbers on this server.

    Raises:
        NotFoundError: there is none of this name.
    """
    with stores.meta.read() as tx:
        rows = reads.project_rows(tx, entity, name)
    if name is not None and not rows:
        raise NotFoundError(f"no project {entity}/{name}", "check the name")
    return {row.pk: _project(row) for row in rows}


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
