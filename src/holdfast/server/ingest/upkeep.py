"""Work that nobody waits for: segments of tails that rest, packs, removing what a crash orphaned.

Must not know who calls it when.
"""

from __future__ import annotations

import logging

from holdfast.ids import RunPath
from holdfast.server.ingest import packs
from holdfast.server.ingest.base import Base
from holdfast.server.ingest.segments import make_segments
from holdfast.server.metastore import contents, journals
from holdfast.server.metastore.journals import Tails

__all__ = [
    "FAILED_SECONDS",
    "HUGE_TAIL",
    "LONG_TAIL",
    "ORPHAN_SECONDS",
    "RESTING_SECONDS",
    "UPLOAD_SECONDS",
    "flush",
    "pack",
    "sweep",
]

_log = logging.getLogger(__name__)

ORPHAN_SECONDS = 3600.0
"""A blob is named within moments of being written; after so long nobody will."""

UPLOAD_SECONDS = 7 * 86400.0
"""How long an upload may rest and still be taken up again."""


FAILED_SECONDS = 3600.0
"""How long a journal is left alone of which no segments could be made; it is read all the same."""

_PACKS = "packs"  # among the failed, where no journal has such a name

RESTING_SECONDS = 1.0
"""How long nothing came of a journal that rests."""

LONG_TAIL = 1024 * 1024
"""A tail of so many bytes is worth a segment as soon as nothing came for a second."""

HUGE_TAIL = 32 * 1024 * 1024
"""Whoever asks for a history takes the tail apart each time: more than this is never left."""


def flush(base: Base, limit: int, idle: float) -> int:
    """See `Ingest.flush`."""
    now = base.clock()
    which = Tails(now - idle, now - RESTING_SECONDS, LONG_TAIL, HUGE_TAIL)
    with base.store.read() as tx:
        found = journals.tails(tx, which, limit + len(base.failed))
    due = [pair for pair in found if base.failed.get(pair[1], now) <= now]
    return sum(_flush(base, run, journal) for run, journal in due[:limit])


def _flush(base: Base, run: RunPath, journal: str) -> bool:
    """One journal of which none can be made must not keep the others from it: it is logged."""
    try:
        done = make_segments(base, run, journal)
    except Exception:  # noqa: BLE001  whatever it is, it is in the log with its traceback
        base.failed[journal] = base.clock() + FAILED_SECONDS
        _log.exception("no segments can be made of journal %s of run %s", journal, run)
        return False
    base.failed.pop(journal, None)
    return done


def pack(base: Base) -> bool:
    """See `Ingest.pack`."""
    if base.failed.get(_PACKS, 0.0) > base.clock():
        return False
    try:
        return packs.pack(base)
    except Exception:  # noqa: BLE001  as above: the small files lie where they are
        base.failed[_PACKS] = base.clock() + FAILED_SECONDS
        _log.exception("small files cannot be packed")
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
