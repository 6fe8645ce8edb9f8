"""Every blob store keeps the same contract; what only local files can show is at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdfast.errors import NotFoundError, RefusedError, StorageError, UsageError
from holdfast.server.blobstore import BlobStore, LocalBlobStore, MemoryBlobStore

MIB = 1024 * 1024
FACTORIES: dict[str, Callable[[Path], BlobStore]] = {
    "local": LocalBlobStore,
    "memory": lambda _: MemoryBlobStore(),
}


@pytest.fixture(params=sorted(FACTORIES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    return FACTORIES[request.param](tmp_path)


def test_what_is_put_comes_back(store: BlobStore) -> None:
    assert store.put("a/b.bin", [b"one ", b"", b"two"]) == 7
    assert store.get("a/b.bin") == b"one two"
    assert b"".join(store.open("a/b.bin", 2, 5)) == b"e t"
    assert b"".join(store.open("a/b.bin", 4)) == b"two"
    assert b"".join(store.open("a/b.bin", 5, 5)) == b""
    assert b"".join(store.open("a/b.bin", 5, 99)) == b"wo"
    assert store.exists("a/b.bin")
    assert store.size("a/b.bin") == 7


def test_an_empty_blob_is_a_blob(store: BlobStore) -> None:
    assert store.put("empty", []) == 0
    assert store.get("empty") == b""
    assert list(store.open("empty")) == []
    assert [(blob.name, blob.size) for blob in store.list()] == [("empty", 0)]


def test_parts_are_small(store: BlobStore) -> None:
    data = os.urandom(3 * MIB + 17)
    store.put("big", [data])
    parts = list(store.open("big", 5))
    assert b"".join(parts) == data[5:]


def test_put_is_create_only(store: BlobStore) -> None:
    store.put("x", [b"first"])

    def never() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    assert store.put("x", never()) == 5
    assert store.get("x") == b"first"


def test_a_put_that_fails_leaves_nothing(store: BlobStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        store.put("x", broken())
    assert not store.exists("x")
    assert list(store.list()) == []
    assert list(store.uploads()) == []


@pytest.mark.parametrize("method", ["get", "size", "open"])
def test_what_is_not_there_is_not_found(store: BlobStore, method: str) -> None:
    with pytest.raises(NotFoundError, match="there is no blob no/such"):
        getattr(store, method)("no/such")
    assert not store.exists("no/such")
    store.delete("no/such")


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "..", "a/../b", ".a", "a/.b", "a b", "ä", "a\0", "a" * 201]
)
def test_names_outside_the_grammar(store: BlobStore, name: str) -> None:
    for call in (store.get, store.size, store.exists, store.delete, store.open):
        with pytest.raises(UsageError, match="cannot name a blob"):
            call(name)
    with pytest.raises(UsageError):
        store.put(name, [b""])
    with pytest.raises(UsageError):
        store.append(name, 0, b"")


def test_list_and_delete(store: BlobStore) -> None:
    for name in ("a/1", "a/2", "ab/1", "b"):
        store.put(name, [name.encode()])
    assert sorted(blob.name for blob in store.list("a/")) == ["a/1", "a/2"]
    assert sorted(blob.name for blob in store.list("a")) == ["a/1", "a/2", "ab/1"]
    store.delete("a/1")
    assert sorted((blob.name, blob.size) for blob in store.list()) == [
        ("a/2", 3),
        ("ab/1", 4),
        ("b", 1),
    ]
    assert all(blob.modified > 1e9 for blob in store.list())


def test_an_upload_becomes_a_blob(store: BlobStore) -> None:
    assert store.uploaded("u/1") == 0
    assert store.append("u/1", 0, b"abc") == 3
    assert store.append("u/1", 3, b"defg") == 7
    assert store.uploaded("u/1") == 7
    assert b"".join(store.read_upload("u/1")) == b"abcdefg"
    assert [(blob.name, blob.size) for blob in store.uploads()] == [("u/1", 7)]
    assert list(store.list()) == []
    store.finish("u/1", "files/x")
    assert store.get("files/x") == b"abcdefg"
    assert store.uploaded("u/1") == 0
    assert list(store.uploads()) == []


@pytest.mark.parametrize("offset", [0, 2, 4, 99])
def test_a_part_at_another_offset_is_refused(store: BlobStore, offset: int) -> None:
    store.append("u", 0, b"abc")
    with pytest.raises(RefusedError) as caught:
        store.append("u", offset, b"x")
    assert (caught.value.status, caught.value.code) == (409, "offset_mismatch")
    assert caught.value.detail == {"offset": 3}
    assert b"".join(store.read_upload("u")) == b"abc"


def test_finish_is_create_only(store: BlobStore) -> None:
    store.put("x", [b"first"])
    store.append("u", 0, b"second")
    store.finish("u", "x")
    assert store.get("x") == b"first"
    assert store.uploaded("u") == 0


def test_dropped_uploads_begin_anew(store: BlobStore) -> None:
    store.append("u", 0, b"abc")
    store.drop("u")
    store.drop("u")
    assert store.append("u", 0, b"x") == 1
    with pytest.raises(NotFoundError):
        store.read_upload("never")


def test_many_threads_put_the_same_and_others(store: BlobStore) -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for n in range(20):
                assert store.put(f"t/{n % 5}/{n}", [b"x" * n]) == n
                assert store.put(f"own/{seed}/{n}", [bytes([seed])]) == 1
        except BaseException as error:  # noqa: BLE001  told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(store.list("t/"))) == 20
    assert len(list(store.list("own/"))) == 120


def test_one_of_two_racing_parts_wins(store: BlobStore) -> None:
    refused = []

    def work(letter: bytes) -> None:
        try:
            store.append("u", 0, letter * 10)
        except RefusedError as error:
            refused.append(error.detail["offset"])

    threads = [threading.Thread(target=work, args=(bytes([65 + n]),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [10] * 7
    assert len(set(b"".join(store.read_upload("u")))) == 1


SMALL_FILES_ONLY = """
import resource, sys
from pathlib import Path
from holdfast.errors import RefusedError
from holdfast.server.blobstore import LocalBlobStore

resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
store = LocalBlobStore(Path(sys.argv[1]))
for call in (
    lambda: store.put("big", [b"x" * (1 << 20), b"y"]),
    lambda: store.append("u", 10, b"x" * (1 << 20)),
):
    try:
        call()
    except RefusedError as error:
        print(error.status, error.code)
"""


def test_a_disk_without_room(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    store.append("u", 0, b"0123456789")
    command = [sys.executable, "-c", SMALL_FILES_ONLY, str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert child.stdout.splitlines() == ["507 storage_full", "507 storage_full"]
    assert list(store.list()) == []
    assert b"".join(store.read_upload("u")) == b"0123456789", "half a part stayed"
    assert [blob.name for blob in store.uploads()] == ["u"]
    assert store.append("u", 10, b"more") == 14


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    store = LocalBlobStore(tmp_path)
    store.put("a", [b"file"])
    with pytest.raises(StorageError, match="cannot write blob a/b"):
        store.put("a/b", [b""])
    assert list(store.uploads()) == []


def test_blobs_survive_a_new_store(tmp_path: Path) -> None:
    LocalBlobStore(tmp_path).put("a/b", [b"x"])
    assert LocalBlobStore(tmp_path).get("a/b") == b"x"
