"""Work that nobody waits for: writing idle tails out, removing what a crash orphaned.

Must not know who calls it when.
"""

from __future__ import annotations

import logging

from holdfast.ids import RunPath
from holdfast.server.ingest import chunks
from holdfast.server.ingest.base import Base
from holdfast.server.metastore import contents, journals

__all__ = ["ORPHAN_SECONDS", "UPLOAD_SECONDS", "flush", "sweep"]

_log = logging.getLogger(__name__)

ORPHAN_SECONDS = 3600.0
"""A blob is named within moments of being written; after so long nobody will."""

UPLOAD_SECONDS = 7 * 86400.0
"""How long an upload may rest and still be taken up again."""


def flush(base: Base, limit: int, idle: float) -> int:
    """See `Ingest.flush`."""
    with base.store.read() as tx:
        found = journals.idle_tails(tx, base.clock() - idle, limit)
    return sum(_flush(base, run, journal) for run, journal in found)


def _flush(base: Base, run: RunPath, journal: str) -> bool:
    """One journal that cannot be written out must not keep the others from it: it is logged."""
    try:
        return chunks.flush(base, run, journal)
    except Exception:  # noqa: BLE001  whatever it is, it is in the log with its traceback
        _log.exception("the tail of journal %s of run %s cannot be written out", journal, run)
        return False


def sweep(base: Base) -> int:
    """See `Ingest.sweep`."""
    now = base.clock()
    # Listed before the rows are read: what is named in between was listed as too young.
    old = [blob.name for blob in base.blobs.list() if now - blob.modified > ORPHAN_SECONDS]
    with base.store.read() as tx:
        named = contents.blob_names(tx)
    orphans = [name for name in old if name not in named]
    for name in orphans:
        base.blobs.delete(name)
    given_up = []
    for upload in base.blobs.uploads():
        draft = upload.name.startswith("put/")
        if now - upload.modified > (ORPHAN_SECONDS if draft else UPLOAD_SECONDS):
            given_up.append(upload.name)
    for name in given_up:
        base.blobs.drop(name)
    return len(orphans) + len(given_up)
