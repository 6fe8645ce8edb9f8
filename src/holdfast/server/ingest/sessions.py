"""How a session of a client begins: the first records of a journal that the server writes.

Must not know what follows them.
"""

from __future__ import annotations

from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.server.ingest.append import Held
from holdfast.server.settings import server_version

__all__ = ["EDITS", "SESSION", "beginning"]

SESSION, EDITS = "server", "edits"
"""What a journal that the server writes is for."""


_LATER_SECONDS = 0.001


def beginning(run: RunPath, info: RunInfo, role: str, held: Held) -> list[bytes]:
    """Header and run record.

    Args:
        run: the run.
        info: what is known of it, ``start_time`` for one; its place is taken from ``run``. The
            start is put after that of the journals that are there, whatever a client's clock says.
        role: `SESSION` or `EDITS`.
        held: of the run.
    """
    start = max(info.start_time, held.last_start + _LATER_SECONDS)
    info = info._replace(
        run_id=run.run_id, entity=run.entity, project=run.project, start_time=start
    )
    return [encode.header(f"holdfast-server {server_version()}", role=role), encode.run(info)]
