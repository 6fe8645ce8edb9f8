"""A server's stores in a folder, and ways to see all that they hold, for the tests of ingest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from holdfast.ids import RunPath
from holdfast.records.values import loads
from holdfast.server.blobstore import LocalBlobStore
from holdfast.server.history import HistoryRow, JournalSource, Segment, Stretch, read_rows
from holdfast.server.ingest import Ingest, journal_bytes
from holdfast.server.metastore import MetaStore, contents, journals, schema

__all__ = ["RUN", "Held"]

RUN = RunPath("team", "digits", "r1")


class Held:
    """An opened data folder."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.store = MetaStore(f"sqlite:///{root / 'holdfast.db'}")
        self.blobs = LocalBlobStore(root)
        self.ingest = Ingest(self.store, self.blobs)

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table."""
        table = schema.METADATA.tables[name]
        with self.store.read() as tx:
            return [dict(row) for row in tx.execute(select(table)).mappings()]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """All rows of all tables."""
        return {name: self.table(name) for name in schema.METADATA.tables}

    def run(self, run: RunPath = RUN) -> dict[str, Any]:
        """A run's row without what tells when it arrived, JSON read."""
        row = next(row for row in self.table("runs") if row["run_id"] == run.run_id)
        for key in ("id", "project_id", "created_at", "heard_at", "changed"):
            del row[key]
        for key in ("tags", "config", "summary", "metadata", "defined_metrics", "metric_keys"):
            row[key] = loads(row[key])
        return row

    def content(self, digest: str, entity: str = RUN.entity) -> bytes:
        """The bytes of a digest, wherever they lie; they must be known."""
        with self.store.read() as tx:
            lies = contents.find(tx, entity, digest)
        assert lies is not None
        if lies.blob is None:
            assert lies.data is not None
            return lies.data
        assert lies.data is None
        return b"".join(self.blobs.open(lies.blob, lies.offset, lies.offset + lies.size))

    def bytes_of(self, journal: str, run: RunPath = RUN) -> bytes:
        """A journal's bytes as they are stored."""
        with self.store.read() as tx:
            held = journals.find(tx, run, journal)
            pieces = [] if held is None else journals.pieces_of(tx, held.pk)
        end = 0
        for piece in pieces:
            assert piece.start == end, "pieces overlap or leave a hole"
            end = piece.end
        return b"".join(journal_bytes(self.blobs, pieces))

    def sources(self, run: RunPath = RUN) -> list[JournalSource]:
        """Where a run's history lies."""
        pks = [row["id"] for row in self.table("runs") if row["run_id"] == run.run_id]
        mine = [row for row in self.table("journals") if row["run_pk"] in pks]
        mine.sort(key=lambda row: (row["started_at"], row["journal"]))
        return [self._source(row) for row in mine]

    def _source(self, journal: dict[str, Any]) -> JournalSource:
        with self.store.read() as tx:
            stretches = [Stretch(*row) for row in journals.stretches_of(tx, journal["id"])]
            pieces = journals.pieces_from(tx, journal["id"], journal["flushed"])
        tail = b"".join(journal_bytes(self.blobs, pieces))
        segments = [
            Segment(
                kind=row["kind"],
                blob=row["blob"],
                rows=row["rows"],
                first_row=row["first_row"],
                first_step=row["first_step"],
                last_step=row["last_step"],
                columns=json.loads(row["columns"]),
            )
            for row in self.table("segments")
            if row["journal_pk"] == journal["id"]
        ]
        open_row = journal["open_row"]
        return JournalSource(
            journal=journal["journal"],
            segments=segments,
            stretches=stretches,
            tail=tail,
            tail_start=journal["flushed"],
            rows=journal["rows"],
            open_row=None if open_row is None else loads(open_row),
            runtime_since=journal["runtime_since"],
        )

    def rows(self, run: RunPath = RUN, *, latest: bool = True) -> list[HistoryRow]:
        """A run's history."""
        return list(read_rows(self.sources(run), self.blobs, latest=latest))
