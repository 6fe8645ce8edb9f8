"""Files: bytes by digest, in parts and packs; names only for bytes that are there."""

from __future__ import annotations

import os
import threading

import pytest
from server.held import RUN, Held
from server.making import Made, claim_of

from holdfast.errors import NotFoundError, RefusedError
from holdfast.server.ingest.base import INLINE_BYTES
from holdfast.wire import FileEntry, PartAnswer, digest_of

ENTITY = RUN.entity


def entry(path: str, data: bytes) -> FileEntry:
    return FileEntry(path, len(data), digest_of(data))


def test_small_files_come_with_their_names_and_no_blob(held: Held, made: Made) -> None:
    files = {f"f{n}": os.urandom(100 * n) for n in range(5)}
    entries = [entry(path, data) for path, data in files.items()]
    missing = held.ingest.name_files(RUN, made.journal, entries)
    assert missing == [each.digest for each in entries]
    assert held.table("files") == []
    pack = [(each.digest, files[each.path]) for each in entries]
    assert held.ingest.name_files(RUN, made.journal, entries, pack) == []
    assert {row["path"]: row["digest"] for row in held.table("files")} == {
        each.path: each.digest for each in entries
    }
    for each in entries:
        assert held.content(each.digest) == files[each.path]
    assert list(held.blobs.list()) == []


def test_a_long_file_with_its_name_is_a_blob(held: Held, made: Made) -> None:
    short, long = os.urandom(INLINE_BYTES - 1), os.urandom(INLINE_BYTES)
    entries = [entry("short", short), entry("long", long)]
    both = [(digest_of(data), data) for data in (short, long)]
    assert held.ingest.name_files(RUN, made.journal, entries, both) == []
    assert [blob.size for blob in held.blobs.list()] == [INLINE_BYTES]
    assert (held.content(digest_of(short)), held.content(digest_of(long))) == (short, long)


def test_repeats_store_nothing(held: Held, made: Made) -> None:
    data = b"hello"
    pack = [(digest_of(data), data), (digest_of(data), data)]
    for _ in range(2):
        assert held.ingest.name_files(RUN, made.journal, [], pack) == []
    assert held.ingest.put_part(ENTITY, digest_of(data), 0, 5, data) == PartAnswer(5, True)
    assert list(held.blobs.list()) == []
    assert len(held.table("contents")) == 1
    held.ingest.name_files(RUN, made.journal, [entry("x", data)])
    before = held.everything()
    assert held.ingest.name_files(RUN, made.journal, [entry("x", data)]) == []
    assert held.everything() == before


def test_a_file_in_parts(held: Held, made: Made) -> None:
    data = os.urandom(300_000)
    digest = digest_of(data)
    assert held.ingest.upload_state(ENTITY, digest) == PartAnswer(0, False)
    for start in range(0, len(data), 70_000):
        part = data[start : start + 70_000]
        end = start + len(part)
        answer = held.ingest.put_part(ENTITY, digest, start, len(data), part)
        assert answer == PartAnswer(end, end == len(data))
        assert held.ingest.upload_state(ENTITY, digest) == answer
        if end < len(data):
            assert held.ingest.name_files(RUN, made.journal, [entry("x", data)]) == [digest]
            with pytest.raises(RefusedError) as caught:
                held.ingest.put_part(ENTITY, digest, start, len(data), part)
            assert caught.value.code == "offset_mismatch"
            assert caught.value.detail == {"offset": end}
    assert held.ingest.name_files(RUN, made.journal, [entry("x", data)]) == []
    assert held.content(digest) == data
    assert list(held.blobs.uploads()) == []


def test_an_empty_file(held: Held, made: Made) -> None:
    digest = digest_of(b"")
    assert held.ingest.put_part(ENTITY, digest, 0, 0, b"") == PartAnswer(0, True)
    assert held.ingest.name_files(RUN, made.journal, [FileEntry("empty", 0, digest)]) == []
    assert held.content(digest) == b""


def test_damaged_parts_are_forgotten(held: Held) -> None:
    data = os.urandom(1000)
    digest = digest_of(data)
    held.ingest.put_part(ENTITY, digest, 0, 1000, b"x" * 500)
    with pytest.raises(RefusedError) as caught:
        held.ingest.put_part(ENTITY, digest, 500, 1000, data[500:])
    assert (caught.value.status, caught.value.code) == (422, "digest_mismatch")
    assert held.ingest.upload_state(ENTITY, digest) == PartAnswer(0, False)
    assert held.ingest.put_part(ENTITY, digest, 0, 1000, data).complete


def test_a_part_beyond_its_end(held: Held) -> None:
    with pytest.raises(RefusedError) as caught:
        held.ingest.put_part(ENTITY, digest_of(b"abc"), 0, 3, b"abcd")
    assert (caught.value.status, caught.value.code) == (422, "invalid")


def test_entities_see_only_their_own_bytes(held: Held) -> None:
    data = b"secret"
    held.ingest.put_part("one", digest_of(data), 0, 6, data)
    assert not held.ingest.upload_state("two", digest_of(data)).complete
    held.ingest.put_part("two ☃/..", digest_of(data), 0, 6, data[:3])
    assert held.ingest.upload_state("two", digest_of(data)).offset == 0
    held.ingest.put_part("two ☃/..", digest_of(data), 3, 6, data[3:])
    assert held.content(digest_of(data), "two ☃/..") == data


def test_a_name_moves_to_other_bytes(held: Held, made: Made) -> None:
    old, new = b"old", b"newer"
    both = [(digest_of(data), data) for data in (old, new)]
    held.ingest.name_files(RUN, made.journal, [entry("log", old)], both)
    held.ingest.receipt(RUN, made.journal, claim_of(made, files=1))
    assert held.run()["proof"] == "confirmed"
    held.ingest.name_files(RUN, made.journal, [entry("log", new)])
    assert [row["digest"] for row in held.table("files")] == [digest_of(new)]
    assert held.run()["proof"] == "arriving", "the claim was about other files"


@pytest.mark.parametrize("path", ["", "/x", "../x", "a/../x", "a//x", "./x", "a\0", "a/"])
def test_paths_that_leave_the_run(held: Held, made: Made, path: str) -> None:
    wrong, blob = FileEntry(path, 1, digest_of(b"x")), (digest_of(b"x"), b"x")
    with pytest.raises(RefusedError) as caught:
        held.ingest.name_files(RUN, made.journal, [wrong], [blob])
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert held.table("files") == []


def test_a_size_that_is_not_the_digests(held: Held, made: Made) -> None:
    wrong, blob = FileEntry("a", 2, digest_of(b"x")), (digest_of(b"x"), b"x")
    with pytest.raises(RefusedError, match="is said to have 2 bytes"):
        held.ingest.name_files(RUN, made.journal, [wrong], [blob])
    assert held.table("files") == held.table("contents") == []


def test_files_of_an_unknown_journal(held: Held) -> None:
    with pytest.raises(NotFoundError, match="no journal"):
        held.ingest.name_files(RUN, "0" * 32, [])


def test_thousands_of_files_at_once(held: Held, made: Made) -> None:
    files = {f"media/{n}.txt": str(n).encode() for n in range(2500)}
    entries = [entry(path, data) for path, data in files.items()]
    pack = [(each.digest, files[each.path]) for each in entries[:2000]]
    missing = held.ingest.name_files(RUN, made.journal, entries, pack)
    assert missing == [e.digest for e in entries[2000:]]
    assert len(held.table("files")) == 2000


def test_two_clients_send_the_same_file(held: Held) -> None:
    data = os.urandom(200_000)
    digest = digest_of(data)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not (state := held.ingest.upload_state(ENTITY, digest)).complete:
                part = data[state.offset : state.offset + 9_999]
                try:
                    held.ingest.put_part(ENTITY, digest, state.offset, len(data), part)
                except RefusedError as error:
                    if error.code != "offset_mismatch":
                        raise
        except BaseException as error:  # noqa: BLE001  told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert held.content(digest) == data
    assert len(list(held.blobs.list("files/"))) == 1
