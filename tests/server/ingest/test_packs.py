"""Small files become parts of blobs when nobody waits, and are read the same before and after."""

from __future__ import annotations

import os
import time

import pytest
from server.held import RUN, Held
from server.making import Made

from holdfast.server.ingest import packs, upkeep
from holdfast.server.ingest.base import Base
from holdfast.server.query import Queries
from holdfast.wire import FileEntry, digest_of


def name(held: Held, made: Made, files: dict[str, bytes]) -> None:
    entries = [FileEntry(path, len(data), digest_of(data)) for path, data in files.items()]
    blobs = [(digest_of(data), data) for data in files.values()]
    assert held.ingest.name_files(RUN, made.journal, entries, blobs) == []


def read(held: Held, path: str) -> bytes:
    return b"".join(Queries(held.store, held.blobs).file(RUN, path).read())


def later(held: Held, seconds: float) -> Base:
    return Base(held.store, held.blobs, clock=lambda: time.time() + seconds)


def test_many_become_few_blobs(held: Held, made: Made) -> None:
    files = {f"f{n}": os.urandom(100_000) for n in range(90)} | {"empty": b""}
    name(held, made, files)
    before = {path: read(held, path) for path in files}
    assert before == files
    while held.ingest.pack():
        pass
    blobs = list(held.blobs.list("packs/"))
    assert len(blobs) == 2, "what is left of 9 MB is not worth a blob yet"
    assert all(blob.size >= packs.PACK_BYTES for blob in blobs)
    assert {path: read(held, path) for path in files} == files
    part = Queries(held.store, held.blobs).file(RUN, "f41").read(1000, 2000)
    assert b"".join(part) == files["f41"][1000:2000]


def test_a_few_wait_for_more_but_not_for_ever(held: Held, made: Made) -> None:
    files = {"a": b"aaa", "b": b"bb", "empty": b""}
    name(held, made, files)
    assert not held.ingest.pack()
    assert not packs.pack(later(held, packs.PACK_SECONDS - 60))
    assert packs.pack(later(held, packs.PACK_SECONDS + 60))
    assert [blob.size for blob in held.blobs.list()] == [5]
    assert not packs.pack(later(held, 2 * packs.PACK_SECONDS)), "all are packed"
    assert {path: read(held, path) for path in files} == files
    name(held, made, files)
    assert [row["data"] for row in held.table("contents")] == [None] * 3, "they are known"


def test_of_two_that_pack_the_same_one_wins(held: Held, made: Made) -> None:
    files = {"a": os.urandom(1000), "b": os.urandom(1000)}
    name(held, made, files)

    class Interrupted(type(held.blobs)):  # type: ignore[misc]
        """Between the blob and its name another packs."""

        def put(self, name: str, chunks: object) -> int:
            assert packs.pack(later(held, packs.PACK_SECONDS + 60))
            return int(super().put(name, chunks))

    slow = Base(
        held.store, Interrupted(held.root), clock=lambda: time.time() + packs.PACK_SECONDS + 60
    )
    packs.pack(slow)
    assert len(list(held.blobs.list("packs/"))) == 2
    assert len({row["blob"] for row in held.table("contents")}) == 1
    assert {path: read(held, path) for path in files} == files


def test_a_blob_that_cannot_be_written_changes_nothing_and_is_tried_again_later(
    held: Held, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"a": b"aaa"}
    name(held, made, files)
    (held.root / "blobs").rename(held.root / "away")
    (held.root / "blobs").write_text("no folder")
    now = [time.time() + packs.PACK_SECONDS + 60]
    base = Base(held.store, held.blobs, clock=lambda: now[0])
    assert not upkeep.pack(base)
    assert "small files cannot be packed" in caplog.text
    assert read(held, "a") == b"aaa"
    (held.root / "blobs").unlink()
    (held.root / "away").rename(held.root / "blobs")
    assert not upkeep.pack(base), "not every second"
    now[0] += upkeep.FAILED_SECONDS + 1
    assert upkeep.pack(base)
    assert read(held, "a") == b"aaa"
