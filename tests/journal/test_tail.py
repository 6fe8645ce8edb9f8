"""Reading a file that grows, in slabs of any size: nothing comes twice, nothing is passed over."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal.making import BLOCK, FIRST, FULL, chunk, filled, payloads_of, read, written

from holdfast.journal import HEADER, Frame, Reader, scan
from holdfast.journal import reader as reader_module


def test_a_frame_appears_when_its_last_byte_is_there(tmp_path: Path) -> None:
    data = written(tmp_path, [b"one", b"", b"three", b"x" * 300])
    frames = read(data)
    file = io.BytesIO()
    reader = Reader(file)
    seen = []
    for size in range(len(data) + 1):
        file.seek(0)
        file.write(data[:size])
        seen += list(reader)
        assert seen == [frame for frame in frames if frame.end <= size]
        assert reader.position == (seen[-1].end if seen else 0)
    assert list(reader) == []


def test_reading_goes_on_where_the_consumer_stopped(tmp_path: Path) -> None:
    payloads = filled(10, 0, 50_000, 3, 100_000, 7)
    reader = Reader(io.BytesIO(written(tmp_path, payloads)))
    seen = []
    for _ in payloads:
        for item in reader:
            seen.append(item)
            break
    assert payloads_of(seen) == payloads
    assert list(reader) == []


def test_stopping_at_a_gap_loses_nothing() -> None:
    data = HEADER + chunk(FULL, b"a") + b"??" + chunk(FULL, b"b")
    reader = Reader(io.BytesIO(data))
    assert next(iter(reader)).end == 15
    assert next(iter(reader)).end == 17
    assert reader.position == 17
    assert payloads_of(list(reader)) == [b"b"]


def test_a_torn_tail_that_is_written_over_is_read_again() -> None:
    """A writer cuts a frame that went in half, and writes it anew: nobody may have believed it."""
    whole = chunk(FULL, b"again")
    file = io.BytesIO(HEADER + chunk(FULL, b"a") + whole[:9])
    reader = Reader(file)
    assert payloads_of(list(reader)) == [b"a"]
    file.seek(-9, io.SEEK_END)
    file.write(whole)
    assert payloads_of(list(reader)) == [b"again"]


_WRITER = """
import sys
from holdfast.journal import Writer
writer = Writer(sys.argv[1], fsync="never")
for number in range(400):
    writer.append(b"%d " % number * (1 + number * number % 9000))
writer.close()
"""


def test_following_another_process_that_writes(tmp_path: Path) -> None:
    path = tmp_path / "growing.wandb"
    wanted = [b"%d " % number * (1 + number * number % 9000) for number in range(400)]
    deadline = time.monotonic() + 30
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)]) as process:
        while not path.exists():
            assert time.monotonic() < deadline
            assert process.poll() in (None, 0)
        seen: list[bytes] = []
        with path.open("rb") as file:
            reader = Reader(file)
            while len(seen) < len(wanted):
                assert time.monotonic() < deadline, f"{len(seen)} of {len(wanted)} frames came"
                items = list(reader)
                assert all(isinstance(item, Frame) for item in items)
                seen += payloads_of(items)
        assert seen == wanted


@pytest.mark.parametrize("slab", [1, 7, 100, 4096, BLOCK])
def test_frames_longer_than_a_slab(
    slab: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    payloads = filled(0, 50, slab - 1, slab, slab + 1, 5 * slab, 0, 100_000, 3)
    data = written(tmp_path, payloads)
    monkeypatch.setattr(reader_module, "_SLAB", slab)
    assert payloads_of(read(data)) == payloads


def test_frames_longer_than_the_real_slab(tmp_path: Path) -> None:
    assert reader_module._SLAB == 1 << 20
    payloads = filled(100, 3 << 20, 5, (1 << 20) - 60, 1 << 20, 9)
    assert payloads_of(read(written(tmp_path, payloads))) == payloads


_parts = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda piece: chunk(FULL, piece)),
        st.binary(max_size=40).map(lambda piece: chunk(FIRST, piece)),
        st.tuples(st.integers(1, 5), st.binary(max_size=30)).map(lambda made: chunk(*made)),
        st.binary(max_size=30),
        st.integers(1, 60).map(bytes),
        st.integers(0, 9).map(lambda seed: random.Random(seed).randbytes(200)),
    ),
    max_size=20,
)


@given(parts=_parts, slab=st.integers(1, 64), headed=st.booleans())
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_found_does_not_depend_on_the_size_of_slabs(
    parts: list[bytes], slab: int, headed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = HEADER * headed + b"".join(parts)
    with monkeypatch.context() as patch:
        patch.setattr(reader_module, "_SLAB", slab)
        items = list(Reader(io.BytesIO(data)))
    assert items == scan(data)
    # and what was found covers the file without overlaps, in order
    place = 0
    for item in items:
        assert place <= item.start < item.end <= len(data)
        place = item.end


@given(parts=_parts)
@settings(max_examples=200, deadline=None)
def test_a_reader_that_starts_at_a_position_sees_what_the_first_one_saw(parts: list[bytes]) -> None:
    data = HEADER + b"".join(parts)
    items = scan(data)
    for number, item in enumerate(items, 1):
        assert scan(data[item.end :], item.end) == items[number:]
