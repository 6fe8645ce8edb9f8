"""Projects, and what changed in one since somebody looked.

Must not know HTTP or SQL.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from holdfast.server.metastore import reads
from holdfast.server.query.sources import Stores, must_find_project

__all__ = ["changes", "projects"]


def projects(stores: Stores) -> dict[str, Any]:
    """``{projects: [...]}``, the one heard of last first."""
    with stores.meta.read() as tx:
        return {"projects": [asdict(row) for row in reads.project_rows(tx)]}


def changes(stores: Stores, entity: str, project: str, since: int | None) -> dict[str, Any]:
    """``{cursor, runs}``: which runs changed after a cursor; without one, where things stand."""
    with stores.meta.read() as tx:
        key = must_find_project(tx, entity, project)
        if since is None:
            return {"cursor": reads.last_change(tx, key), "runs": []}
        cursor, run_ids = reads.changed_runs(tx, key, since)
    return {"cursor": cursor, "runs": run_ids}
