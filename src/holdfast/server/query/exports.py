"""Histories as tables that are read as they lie, kept as blobs that nobody names.

Owns which runs have one, and where it lies meanwhile. Must not know HTTP, or how a table is
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.errors import NotFoundError, RefusedError
from holdfast.ids import RunPath
from holdfast.server.blobstore import BlobStore
from holdfast.server.history import JournalSource, plain_table
from holdfast.server.metastore import reads
from holdfast.server.metastore.state import shown
from holdfast.server.query.sources import Stores, must_find_run, sources_of

__all__ = ["Export", "export_of"]

_PROVEN = frozenset({"confirmed", "received"})


@dataclass(frozen=True)
class Export:
    """All rows of a run as one Parquet file.

    Args:
        size: in bytes.
        blobs: where the file lies.
        blob: its name there.
    """

    size: int
    blobs: BlobStore
    blob: str

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (None: the last)."""
        return self.blobs.open(self.blob, start, end)


def export_of(stores: Stores, run: RunPath) -> Export | None:
    """The rows of a run as a file, if one says exactly what was logged, and always will.

    Clients keep such a file for ever by the run's name. So there is one of a run that has ended,
    in one journal that is there whole; of one that was resumed there is none.

    The file is a blob that no row names: it is swept up after an hour, and made again when it is
    asked for again, of the same bytes.
    """
    source = _only_source(stores, run)
    if source is None:
        return None
    name = f"exports/{source.journal[:2]}/{source.journal}-{source.rows}.parquet"
    try:
        size = stores.blobs.size(name)
    except NotFoundError:
        parts = plain_table(source, stores.blobs)
        if parts is None:
            return None
        try:
            size = stores.blobs.put(name, parts)
        except RefusedError:
            return None  # the disk is full; rows can be read by pages all the same
    return Export(size, stores.blobs, name)


def _only_source(stores: Stores, run: RunPath) -> JournalSource | None:
    """The one journal with all of a run's rows, if that is how they lie."""
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        (row,) = reads.run_rows(tx, [pk])
        found = [journal for journal in shown(reads.journals_of(tx, [pk])) if journal.rows]
        if row.proof not in _PROVEN or len(found) != 1 or not found[0].complete:
            return None
        sources = sources_of(tx, stores.blobs, [pk])[pk]
    return next(source for source in sources if source.journal == found[0].journal)
