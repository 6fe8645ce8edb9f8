"""Where the histories of runs lie, gathered for the readers of `history`.

Owns the step from rows of tables to `JournalSource`. Must not know what is read from them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records.values import loads
from holdfast.server.blobstore import BlobStore
from holdfast.server.history import JournalSource, Segment, Stretch
from holdfast.server.metastore import MetaStore, Transaction, reads
from holdfast.server.metastore.state import shown

__all__ = [
    "Stores",
    "by_writer",
    "must_find_project",
    "must_find_run",
    "must_read_run",
    "sources_of",
]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Stores:
    """The two stores that every answer comes from."""

    meta: MetaStore
    blobs: BlobStore


def must_find_project(tx: Transaction, entity: str, project: str) -> int:
    """The key of a project; NotFoundError when there is none."""
    found = reads.project_id(tx, entity, project)
    if found is None:
        raise NotFoundError(f"no project {entity}/{project}", "see GET /api/v1/projects")
    return found


def must_find_run(tx: Transaction, run: RunPath) -> int:
    """The key of a run; NotFoundError when there is none."""
    return _found(run, reads.run_pk(tx, run))


def must_read_run(tx: Transaction, run: RunPath) -> reads.RunRow:
    """The row of a run; NotFoundError when there is none."""
    return _found(run, reads.run_row(tx, run))


def _found(run: RunPath, what: _T | None) -> _T:
    if what is None:
        raise NotFoundError(f"no run {run}", "check the name, or sync the run first")
    return what


def sources_of(
    tx: Transaction, blobs: BlobStore, run_pks: Sequence[int], kind: str = "history"
) -> dict[int, list[JournalSource]]:
    """The journals of these runs in reading order, each with its segments of one kind and its tail.

    A run without a journal has an empty list.
    """
    journals = _shown(reads.journals_of(tx, run_pks))
    keys = [journal.pk for journal in journals]
    segments = defaultdict(list)
    for segment in reads.segments_of(tx, keys, kind):
        segments[segment.journal_pk].append(_segment(segment))
    stretches = defaultdict(list)
    if kind == "history":
        for row in reads.stretches_of(tx, keys):
            stretch = Stretch(row.number, row.first_step, row.last_step, row.rows)
            stretches[row.journal_pk].append(stretch)
    tails = defaultdict(list)
    for piece in reads.tail_pieces_of(tx, keys):
        tails[piece.journal_pk].append(_bytes(piece, blobs))
    sources: dict[int, list[JournalSource]] = {pk: [] for pk in run_pks}
    for journal in journals:
        source = JournalSource(
            journal=journal.journal,
            segments=segments[journal.pk],
            stretches=stretches[journal.pk],
            tail=b"".join(tails[journal.pk]),
            tail_start=journal.flushed,
            rows=journal.rows,
            open_row=None if journal.open_row is None else loads(journal.open_row),
            label=journal.label,
            runtime_since=journal.runtime_since,
        )
        sources[journal.run_pk].append(source)
    return sources


def by_writer(sources: Sequence[JournalSource]) -> dict[str, list[JournalSource]]:
    """The journals of a run by the label of their writer, rank_2 before rank_10.

    A run with one writer at a time has the label ``""`` only. Where rows of one writer take over
    earlier ones, those of others stand beside them.
    """
    writers: dict[str, list[JournalSource]] = {}
    for source in sorted(sources, key=lambda source: _in_numbers(source.label)):
        writers.setdefault(source.label, []).append(source)
    return writers


def _in_numbers(label: str) -> str:
    return re.sub(r"\d+", lambda digits: digits[0].zfill(12), label)


def _shown(journals: Sequence[reads.JournalRow]) -> list[reads.JournalRow]:
    """Those that count, run by run."""
    of_runs = defaultdict(list)
    for journal in journals:
        of_runs[journal.run_pk].append(journal)
    return [journal for some in of_runs.values() for journal in shown(some)]


def _bytes(piece: reads.PieceRow, blobs: BlobStore) -> bytes:
    return (piece.data or b"") if piece.blob is None else blobs.get(piece.blob)


def _segment(row: reads.SegmentRow) -> Segment:
    return Segment(
        kind=row.kind,
        blob=row.blob,
        rows=row.rows,
        first_row=row.first_row,
        first_step=row.first_step,
        last_step=row.last_step,
        columns=loads(row.columns),
    )
