"""Compression with a limit, packs, digests, refusals and paths."""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path

import pytest

from holdfast.errors import AuthError, RefusedError, UnconfirmedError
from holdfast.ids import RunPath
from holdfast.wire import (
    ERRORS,
    JournalPath,
    check_digest,
    compress,
    decompress,
    digest_of,
    error_body,
    headers,
    journal_id,
    make_pack,
    parse_pack,
    paths,
    refusal,
)
from holdfast.wire.digests import digest_of_file

BLOBS = [(digest_of(data), data) for data in (b"", b"one", b"line\nbreak", bytes(range(256)))]


@pytest.mark.parametrize("data", [b"", b"x", bytes(100_000)])
def test_compress_round_trip(data: bytes) -> None:
    assert decompress(compress(data), len(data)) == data


def test_bomb_is_refused_without_expanding_it() -> None:
    bomb = zlib.compress(bytes(256 << 20), 9)
    tracemalloc.start()
    with pytest.raises(RefusedError) as caught:
        decompress(bomb, 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "too_large"
    assert caught.value.detail == {"limit": 1 << 20}
    assert peak < 16 << 20


@pytest.mark.parametrize(
    "data", [b"", b"plain", compress(b"abc" * 99)[:-3], compress(b"abc") + b"more"]
)
def test_damaged_stream(data: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        decompress(data, 1000)
    assert caught.value.code == "digest_mismatch"


def test_pack_round_trip() -> None:
    said, blobs = parse_pack(make_pack({"files": [1]}, BLOBS))
    assert (said["files"], blobs) == ([1], BLOBS)
    assert parse_pack(make_pack({}, [])) == ({"packed": []}, [])
    assert parse_pack(b'{"files": []}') == ({"files": []}, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"[]",
        b"{}\n" + b"x",
        b'{"a": NaN}',
        b'{"packed":[{"digest":"sha256:0","size":1}]}\nx',
        b'{"packed":[{"digest":"' + digest_of(b"x").encode() + b'","size":true}]}\nx',
        b'{"packed":[{"digest":"' + digest_of(b"x").encode() + b'"}]}\nx',
        b'{"packed":[3]}\n',
        b'{"packed":3}\n',
        b"[" * 100_000 + b"\n",
        make_pack({}, BLOBS) + b"more",
    ],
)
def test_malformed_pack(body: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_pack(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body", [make_pack({}, BLOBS)[:-1], make_pack({}, [(digest_of(b"x"), b"y")])]
)
def test_damaged_pack(body: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_pack(body)
    assert caught.value.code == "digest_mismatch"


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:" + "G" * 64, "md5:" + "0" * 32, None, 3])
def test_bad_digest(text: object) -> None:
    with pytest.raises(RefusedError):
        check_digest(text)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (2 << 20) + 3])
def test_digest_of_a_file_and_of_its_beginning(tmp_path: Path, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    path = tmp_path / "file"
    path.write_bytes(data)
    for limit in (None, 0, 1, size // 2, 1 << 20, size, size + 1):
        held = data if limit is None else data[:limit]
        with path.open("rb") as file:
            assert digest_of_file(file.fileno(), limit) == (digest_of(held), len(held))


def test_writer_states() -> None:
    assert [headers.check_writer(state) for state in headers.WRITER_STATES] == [
        "alive",
        "gone",
        "unknown",
    ]
    with pytest.raises(RefusedError):
        headers.check_writer("")


def test_every_code_comes_back_as_its_error() -> None:
    for row in ERRORS.values():
        error = refusal(row.status, error_body(row.code, "what", "do", position=7))
        assert error is not None
        assert str(error) == "what; do"
        if row.status in {401, 403}:
            assert isinstance(error, AuthError)
        elif row.code == "held_by_relay":
            assert isinstance(error, UnconfirmedError)
        else:
            assert isinstance(error, RefusedError)
            assert (error.status, error.code, error.detail) == (
                row.status,
                row.code,
                {"position": 7},
            )


@pytest.mark.parametrize("body", [None, "x", [], {}, {"error": "x"}, {"error": {"code": 3}}])
def test_foreign_error_bodies(body: object) -> None:
    assert refusal(500, body) is None


def test_paths_encode_names() -> None:
    run = RunPath("a team", "100%?", "r#1")
    of = JournalPath(run, journal_id(b"payload"))
    assert paths.chunks(of, 7) == (
        "/api/v1/runs/a%20team/100%25%3F/r%231/journals/" + of.journal + "/chunks?start=7"
    )
    assert paths.check_journal_id(of.journal) == of.journal
    with pytest.raises(RefusedError):
        paths.check_journal_id("../x")
    assert paths.file(run, "a b/ü").endswith("/files/a%20b/%C3%BC")
    assert paths.blob("t", "sha256:00") == "/api/v1/blobs/t/sha256%3A00"
