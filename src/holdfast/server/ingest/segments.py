"""Making segments of what has arrived since the last ones: work that nobody waits for.

Owns which bytes become which blobs. The blobs are durable before one transaction names them and
moves the mark up to which segments were made. No lock is held: a chunk that arrives meanwhile
adds to the end, and of two that do the same work one wins. Must not know when it is done, SQL, or
how a segment is laid out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from holdfast.ids import RunPath
from holdfast.records.values import dumps
from holdfast.server.blobstore import BlobStore
from holdfast.server.history import (
    Stretch,
    Tail,
    Written,
    read_tail,
    write_console,
    write_history,
    write_system,
)
from holdfast.server.ingest.base import Base, fresh, journal_blob
from holdfast.server.ingest.receipts import journal_bytes
from holdfast.server.metastore import journals
from holdfast.server.metastore.journals import HeldJournal, HeldPiece

__all__ = ["SLICE_BYTES", "make_segments"]

SLICE_BYTES = 8 * 1024 * 1024
"""About so much of a journal becomes one segment; taken apart it needs ten times the memory."""


def make_segments(base: Base, run: RunPath, journal: str) -> bool:
    """Make segments of all that a journal holds by now; False when there was nothing to do."""
    done = False
    while _make_next(base, run, journal):
        done = True
    return done


def _make_next(base: Base, run: RunPath, journal: str) -> bool:
    """Make the next segment of each kind."""
    with base.store.read() as tx:
        held = journals.find(tx, run, journal)
        if held is None or held.position == held.flushed:
            return False
        pieces = _slice(journals.pieces_from(tx, held.pk, held.flushed))
        before = journals.segment_ends(tx, held.pk)
        stretches = [Stretch(*row) for row in journals.stretches_of(tx, held.pk)]
    data = b"".join(journal_bytes(base.blobs, pieces))
    tail = read_tail(data, held.flushed, held.flushed_rows, held.runtime_since)
    blobs = list(_as_blobs(base.blobs, journal, pieces))
    end = pieces[-1].end
    segments = [
        _segment(base.blobs, held, end, written) for written in _written(tail, before, stretches)
    ]
    rows = held.flushed_rows + tail.row_count
    with base.store.write(durable=False) as tx:
        if not journals.move_flushed(tx, held, end, rows):
            return False  # another did the same meanwhile: what was written here is orphaned
        journals.replace_inline(tx, held.pk, (held.flushed, end), blobs)
        journals.add_segments(tx, held.pk, segments)
    return True


def _slice(pieces: Sequence[HeldPiece]) -> list[HeldPiece]:
    """The first pieces, as many as make a segment."""
    chosen: list[HeldPiece] = []
    for piece in pieces:
        chosen.append(piece)
        if piece.end - chosen[0].start >= SLICE_BYTES:
            break
    return chosen


def _as_blobs(blobs: BlobStore, journal: str, pieces: list[HeldPiece]) -> Iterator[HeldPiece]:
    """A blob for each row of neighbours that lie in the metastore."""
    for inline, group in groupby(pieces, key=lambda piece: piece.blob is None):
        if inline:
            found = list(group)
            name = journal_blob(journal, found[0].start, found[-1].end)
            blobs.put(name, [piece.data or b"" for piece in found])
            yield HeldPiece(found[0].start, found[-1].end, name, None)


def _written(tail: Tail, before: dict[str, int], stretches: Sequence[Stretch]) -> Iterator[Written]:
    if tail.rows:
        yield write_history(tail.rows, before.get("history", 0), stretches)
    if tail.stats:
        yield write_system(tail.stats, before.get("system", 0))
    if tail.console:
        yield write_console(tail.console, before.get("console", 0))


def _segment(blobs: BlobStore, held: HeldJournal, end: int, written: Written) -> dict[str, Any]:
    """Store a segment; returns its row in the table of segments."""
    place = f"{held.journal}-{written.kind}-{written.first_row}-{fresh()}.parquet"
    name = f"segments/{held.journal[:2]}/{place}"
    blobs.put(name, [written.data])
    return {
        "kind": written.kind,
        "blob": name,
        "rows": written.rows,
        "first_row": written.first_row,
        "first_step": written.first_step,
        "last_step": written.last_step,
        "start": held.flushed,
        "end": end,
        "columns": dumps(dict(written.columns)),
    }
