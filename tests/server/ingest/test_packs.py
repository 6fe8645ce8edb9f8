"""Small blobs of many threads in few files: each gets its own bytes back, or the same failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from holdfast.errors import StorageError
from holdfast.server.blobstore import LocalBlobStore
from holdfast.server.ingest.packs import Packer


class Held(LocalBlobStore):
    """A disk whose first write takes as long as the test says, and whose writes can fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.failing = False

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        if not self.begun.is_set():
            self.begun.set()
            assert self.go_on.wait(30)
        if self.failing:
            raise StorageError("the disk is gone", "mend it")
        return super().put(name, chunks)


def gathered(blobs: Held, packer: Packer, *, failing: bool = False) -> list[object]:
    """What becomes of one write and of twenty that come while it lasts."""

    def put(number: int) -> object:
        parts = [b"%d," % number, b"x" * number]
        try:
            name, start = packer.put(blobs, f"packs/{number}", parts)
        except StorageError as error:
            return error.what
        size = sum(map(len, parts))
        assert b"".join(blobs.open(name, start, start + size)) == b"".join(parts)
        return name

    with ThreadPoolExecutor(30) as pool:
        first = pool.submit(put, 0)
        assert blobs.begun.wait(30)
        others = [pool.submit(put, number) for number in range(1, 21)]
        deadline = time.monotonic() + 30
        while len(packer._next._parts) < 40:
            assert time.monotonic() < deadline
        blobs.failing = failing
        blobs.go_on.set()
        return [first.result(), *(other.result() for other in others)]


def test_what_comes_while_another_is_written_becomes_one_blob(tmp_path: Path) -> None:
    blobs, packer = Held(tmp_path), Packer()
    first, *others = gathered(blobs, packer)
    assert first == "packs/0"
    assert len(set(others)) == 1
    assert len(list(blobs.list())) == 2


def test_a_write_that_fails_fails_for_all_of_them_and_no_later_one(tmp_path: Path) -> None:
    blobs, packer = Held(tmp_path), Packer()
    assert gathered(blobs, packer, failing=True) == ["the disk is gone"] * 21
    blobs.failing = False
    assert packer.put(blobs, "packs/x", [b"a", b"b"]) == ("packs/x", 0)
    assert blobs.get("packs/x") == b"ab"
