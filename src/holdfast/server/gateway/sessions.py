"""How a session of a client begins: the first records of a journal that the server writes.

Must not know what follows them.
"""

from __future__ import annotations

from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.server.settings import server_version

__all__ = ["EDITS", "SESSION", "beginning"]

SESSION, EDITS = "server", "edits"
"""What a journal that the server writes is for."""


def beginning(run: RunPath, info: RunInfo, role: str) -> list[bytes]:
    """Header and run record.

    Args:
        run: the run.
        info: what is known of it, ``start_time`` for one; its place is taken from ``run``.
        role: `SESSION` or `EDITS`.
    """
    info = info._replace(run_id=run.run_id, entity=run.entity, project=run.project)
    return [encode.header(f"holdfast-server {server_version()}", role=role), encode.run(info)]
