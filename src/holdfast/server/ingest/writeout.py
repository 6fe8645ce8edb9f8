"""Writing a journal's tail out: its bytes as one blob, its rows as segments.

The blobs are durable when this returns; naming them is the caller's transaction. Must not know
when a tail is written out, or SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.records.values import dumps
from holdfast.server.blobstore import BlobStore
from holdfast.server.history import (
    Stretch,
    Tail,
    Written,
    write_console,
    write_history,
    write_system,
)
from holdfast.server.ingest.base import fresh
from holdfast.server.metastore.journals import HeldPiece

__all__ = ["Span", "WrittenOut", "write_out"]


@dataclass(frozen=True)
class Span:
    """Bytes of a journal from ``start`` on, and what they hold."""

    journal: str
    start: int
    data: bytes
    held: Tail

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self.start + len(self.data)


@dataclass(frozen=True)
class WrittenOut:
    """The piece and the rows of the table of segments that name what was written."""

    piece: HeldPiece
    segments: list[dict[str, Any]]


def write_out(
    blobs: BlobStore, span: Span, before: Mapping[str, int], stretches: Sequence[Stretch]
) -> WrittenOut:
    """Write the blobs of a span.

    Args:
        blobs: where to.
        span: the bytes, from the first one that no blob holds on.
        before: {kind: how many rows of it are in segments already}.
        stretches: all of the journal's.
    """
    name = f"journals/{span.journal[:2]}/{span.journal}-{span.start}-{span.end}-{fresh()}"
    blobs.put(name, [span.data])
    written = []
    if span.held.rows:
        written.append(write_history(span.held.rows, before.get("history", 0), stretches))
    if span.held.stats:
        written.append(write_system(span.held.stats, before.get("system", 0)))
    if span.held.console:
        written.append(write_console(span.held.console, before.get("console", 0)))
    piece = HeldPiece(span.start, span.end, name, None)
    return WrittenOut(piece, [_segment(blobs, span, segment) for segment in written])


def _segment(blobs: BlobStore, span: Span, written: Written) -> dict[str, Any]:
    place = f"{span.journal}-{written.kind}-{written.first_row}-{fresh()}.parquet"
    name = f"segments/{span.journal[:2]}/{place}"
    blobs.put(name, [written.data])
    return {
        "kind": written.kind,
        "blob": name,
        "rows": written.rows,
        "first_row": written.first_row,
        "first_step": written.first_step,
        "last_step": written.last_step,
        "start": span.start,
        "end": span.end,
        "columns": dumps(dict(written.columns)),
    }
