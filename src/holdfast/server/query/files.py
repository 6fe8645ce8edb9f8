"""The files of a run, and its journals as they were written.

Owns which of several journals' files is the run's. Must not know HTTP or SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.blobstore import BlobStore
from holdfast.server.metastore import Transaction, contents, reads
from holdfast.server.metastore.contents import Content
from holdfast.server.query.sources import Stores, must_find_run

__all__ = ["StoredFile", "files", "journal_content", "stored_file"]


@dataclass(frozen=True)
class StoredFile:
    """One file, and where its bytes lie."""

    path: str
    size: int
    digest: str
    updated_at: float
    blobs: BlobStore
    content: Content

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (None: the last)."""
        last = self.size if end is None else min(end, self.size)
        lies = self.content
        if lies.blob is None:
            return iter([(lies.data or b"")[start:last]])
        return self.blobs.open(lies.blob, lies.offset + start, lies.offset + last)


def files(stores: Stores, run: RunPath) -> dict[str, Any]:
    """``{files: [...]}`` by path; NotFoundError when there is no such run."""
    with stores.meta.read() as tx:
        found = _latest(tx, must_find_run(tx, run))
    rows = [
        {
            "path": path,
            "size": row.size,
            "digest": row.digest,
            "journal": journal,
            "updated_at": row.updated_at,
        }
        for path, (row, journal) in found.items()
    ]
    return {"files": sorted(rows, key=lambda row: str(row["path"]))}


def stored_file(stores: Stores, run: RunPath, path: str) -> StoredFile:
    """One file of a run; NotFoundError when there is none of this path."""
    with stores.meta.read() as tx:
        row, _ = _latest(tx, must_find_run(tx, run)).get(path, (None, ""))
        content = contents.find(tx, run.entity, row.digest) if row else None
    if row is None or content is None:
        raise NotFoundError(f"run {run} has no file {path!r}", "see the run's list of files")
    return StoredFile(path, row.size, row.digest, row.updated_at, stores.blobs, content)


def journal_content(stores: Stores, run: RunPath, journal: str) -> tuple[int, Iterator[bytes]]:
    """The size of a journal and its bytes as they were written; NotFoundError without it."""
    with stores.meta.read() as tx:
        key = reads.journal_of(tx, must_find_run(tx, run), journal)
        if key is None:
            raise NotFoundError(f"run {run} has no journal {journal}", "see the run's journals")
        pieces = reads.pieces_of(tx, [key])
    size = sum(piece.end - piece.start for piece in pieces)
    return size, _read(stores.blobs, pieces)


def _read(blobs: BlobStore, pieces: list[reads.PieceRow]) -> Iterator[bytes]:
    for piece in pieces:
        if piece.blob is None:
            yield piece.data or b""
        else:
            yield from blobs.open(piece.blob)


def _latest(tx: Transaction, run: int) -> dict[str, tuple[reads.FileRow, str]]:
    """The run's files by path, each with its journal: of several journals the last one's.

    Where several writers have other bytes under one path, those that are not the last one's are
    found below the writer's label: ``rank_3/output.log``.
    """
    journals = reads.journals_of(tx, [run])
    order = {journal.pk: place for place, journal in enumerate(journals)}
    rows = sorted(reads.files_of(tx, list(order)), key=lambda row: order[row.journal_pk])
    found: dict[str, tuple[reads.FileRow, str]] = {}
    own: dict[str, tuple[reads.FileRow, str]] = {}
    for row in rows:
        journal = journals[order[row.journal_pk]]
        found[row.path] = row, journal.journal
        if journal.label:
            own[f"{journal.label}/{row.path}"] = row, journal.journal
    # What the last one has too is not listed twice.
    differ = {
        name: (row, journal)
        for name, (row, journal) in own.items()
        if row.digest != found[row.path][0].digest
    }
    return {**differ, **found}
