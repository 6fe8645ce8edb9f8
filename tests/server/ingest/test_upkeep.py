"""Idle tails are written out; what nobody names is removed, and nothing else."""

from __future__ import annotations

import os
import time

import pytest
from server.held import RUN, Held
from server.making import claim_of, journal_of, rows_of_training
from sqlalchemy import text

from holdfast.server.ingest import upkeep
from holdfast.server.ingest.base import Base
from holdfast.wire import FileEntry, digest_of


def test_idle_tails_are_written_out(held: Held) -> None:
    made = [journal_of(rows_of_training(20), start_time=1e9 + n) for n in range(3)]
    for each in made:
        held.ingest.chunk(RUN, each.journal, 0, each.data, "gone")
    before, run = held.rows(latest=False), held.run()
    assert held.ingest.flush(10) == 0, "heard of just now"
    assert held.ingest.flush(2, idle=-1) == 2
    assert held.ingest.flush(10, idle=-1) == 1
    assert held.ingest.flush(10, idle=-1) == 0
    assert all(row["data"] is None for row in held.table("pieces"))
    assert held.rows(latest=False) == before
    assert held.run() == run
    for each in made:
        assert held.bytes_of(each.journal) == each.data
        held.ingest.receipt(RUN, each.journal, claim_of(each))


def test_a_journal_goes_on_after_it_was_written_out(held: Held) -> None:
    made = journal_of(rows_of_training(60))
    for start, data in made.pieces(7):
        held.ingest.chunk(RUN, made.journal, start, data, "alive")
        held.ingest.flush(1, idle=-1)
    assert [row.step for row in held.rows()] == list(range(60))
    assert held.bytes_of(made.journal) == made.data
    assert held.ingest.receipt(RUN, made.journal, claim_of(made)).rows == 60


def test_one_journal_that_cannot_be_written_out(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    made = [journal_of(rows_of_training(20), start_time=1e9 + n) for n in range(3)]
    for each in made:
        held.ingest.chunk(RUN, each.journal, 0, each.data, "gone")
    with held.store.write() as tx:
        tx.execute(text("DELETE FROM stretches WHERE journal_pk = 2"))
    assert held.ingest.flush(10, idle=-1) == 2
    assert f"no segments can be made of journal {made[1].journal} of run {RUN}" in caplog.text
    assert held.bytes_of(made[1].journal) == made[1].data
    caplog.clear()
    assert held.ingest.flush(1, idle=-1) == 0
    assert caplog.text == "", "left alone for a while"


def test_a_long_tail_does_not_wait_until_its_journal_is_idle(held: Held) -> None:
    made = journal_of(rows_of_training(6000))
    assert len(made.data) > upkeep.LONG_TAIL
    held.ingest.chunk(RUN, made.journal, 0, made.data, "alive")
    base = Base(held.store, held.blobs, clock=lambda: time.time() + 2 * upkeep.RESTING_SECONDS)
    assert upkeep.flush(base, 10, idle=30.0) == 1
    assert len(held.rows()) == 6000
    assert sum(row["rows"] for row in held.table("segments")) == 6000


def age(held: Held, folder: str, seconds: float) -> None:
    for path in (held.root / folder).rglob("*"):
        if path.is_file():
            when = path.stat().st_mtime - seconds
            os.utime(path, (when, when))


def test_orphans_are_swept_and_nothing_else(held: Held) -> None:
    made = journal_of(rows_of_training(50))
    held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    held.ingest.flush(1, idle=-1)
    data = os.urandom(500)
    held.ingest.put_part(RUN.entity, digest_of(data), 0, 500, data)
    entries = [FileEntry("x", 1, digest_of(b"x")), FileEntry("y", 500, digest_of(data))]
    held.ingest.name_files(RUN, made.journal, entries, [(digest_of(b"x"), b"x")])
    named = sorted(blob.name for blob in held.blobs.list())
    held.blobs.put("segments/aa/orphan.parquet", [b"x"])
    held.blobs.put("journals/aa/orphan", [b"x"])
    held.blobs.append("put/left-by-a-crash", 0, b"x")
    held.blobs.append("someone/resting", 0, b"x")
    assert held.ingest.sweep() == 0, "all are young"
    age(held, "", upkeep.ORPHAN_SECONDS + 1)
    held.blobs.put("journals/aa/young", [b"x"])
    assert held.ingest.sweep() == 3
    assert sorted(blob.name for blob in held.blobs.list()) == sorted([*named, "journals/aa/young"])
    assert [upload.name for upload in held.blobs.uploads()] == ["someone/resting"]
    age(held, "uploads", upkeep.UPLOAD_SECONDS)
    assert held.ingest.sweep() == 1
    assert list(held.blobs.uploads()) == []
    assert held.ingest.receipt(RUN, made.journal, claim_of(made, files=2)).rows == 50
    assert len(held.rows()) == 50
