"""Frames of every size at every place of a block: what is laid out comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal.making import (
    BLOCK,
    CHUNK_HEADER,
    FIRST,
    FULL,
    LAST,
    MIDDLE,
    chunk,
    filled,
    gaps_of,
    journal_of,
    payloads_of,
    read,
    written,
)

from holdfast.journal import HEADER, Frame, frames
from holdfast.journal.framing import chunks

#: bytes of payload that fit into what the header leaves of the first block
ROOM = BLOCK - len(HEADER) - CHUNK_HEADER
#: into a whole block
WHOLE = BLOCK - CHUNK_HEADER


def test_the_header_and_an_empty_frame_are_these_bytes(tmp_path: Path) -> None:
    assert bytes.fromhex("3a572642e1be00") == HEADER
    assert written(tmp_path, []) == HEADER
    assert written(tmp_path, [b""]) == HEADER + bytes.fromhex("1bdf05a5 0000 01")


def test_small_frames_are_one_chunk_each(tmp_path: Path) -> None:
    data = written(tmp_path, [b"one", b"", b"three"])
    assert data == journal_of(chunk(FULL, b"one"), chunk(FULL, b""), chunk(FULL, b"three"))


@given(sizes=st.lists(st.integers(0, 2 * BLOCK), max_size=6), cut=st.integers(0, 6))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_in_memory_are_those_of_the_file(tmp_path: Path, sizes: list[int], cut: int) -> None:
    payloads = filled(*sizes)
    on_disk = written(tmp_path, payloads)
    first = frames(payloads[:cut], 0)
    assert first + frames(payloads[cut:], len(first)) == on_disk


@pytest.mark.parametrize(
    "sizes",
    [
        (0,),
        (1,),
        (ROOM - 1, 5),
        (ROOM, 5),
        (ROOM + 1, 5),
        (ROOM + WHOLE - CHUNK_HEADER, 5),
        (ROOM + WHOLE, 5),
        (ROOM + WHOLE + 1, 5),
        (3 * BLOCK, 0, 3 * BLOCK, 1),
        (40 * BLOCK, 5),
        *((ROOM - CHUNK_HEADER - left, 100, 5) for left in range(10)),
        *((ROOM - CHUNK_HEADER - left, 0, 5) for left in range(10)),
    ],
    ids=str,
)
def test_sizes_around_the_borders_of_blocks(sizes: tuple[int, ...], tmp_path: Path) -> None:
    payloads = filled(*sizes)
    data = written(tmp_path, payloads)
    items = read(data)
    assert payloads_of(items) == payloads
    assert items[-1].end == len(data)
    assert gaps_of(items) == []


@pytest.mark.parametrize("left", range(1, CHUNK_HEADER))
def test_a_rest_too_small_for_a_header_is_zeros(left: int, tmp_path: Path) -> None:
    data = written(tmp_path, [b"x" * (ROOM - left), b"next"])
    assert data[BLOCK - left : BLOCK] == bytes(left)
    assert data[BLOCK:] == chunk(FULL, b"next")
    # the padding belongs to neither frame
    assert [(item.start, item.end) for item in read(data)] == [
        (len(HEADER), BLOCK - left),
        (BLOCK, BLOCK + CHUNK_HEADER + 4),
    ]


def test_a_rest_of_just_a_header_is_a_first_chunk_without_bytes(tmp_path: Path) -> None:
    data = written(tmp_path, [b"x" * (ROOM - CHUNK_HEADER), b"next"])
    assert data[BLOCK - CHUNK_HEADER :] == chunk(FIRST, b"") + chunk(LAST, b"next")


def test_a_frame_over_several_blocks(tmp_path: Path) -> None:
    payload = bytes(range(256)) * 400
    data = written(tmp_path, [payload])
    begin, middle = payload[:ROOM], payload[ROOM : ROOM + WHOLE]
    again = payload[ROOM + WHOLE : ROOM + 2 * WHOLE]
    rest = payload[ROOM + 2 * WHOLE :]
    assert data == journal_of(
        chunk(FIRST, begin), chunk(MIDDLE, middle), chunk(MIDDLE, again), chunk(LAST, rest)
    )


_sizes = st.lists(
    st.one_of(
        st.integers(0, 300),
        st.sampled_from([ROOM, WHOLE, WHOLE - CHUNK_HEADER, 2 * WHOLE]).flatmap(
            lambda size: st.integers(size - 30, size + 30)
        ),
    ),
    max_size=12,
)


@given(sizes=_sizes)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reading_from_the_end_of_any_frame_gives_the_rest(sizes: list[int], tmp_path: Path) -> None:
    payloads = filled(*sizes)
    data = written(tmp_path, payloads)
    items = read(data)
    assert payloads_of(items) == payloads
    for number, item in enumerate(items, 1):
        assert isinstance(item, Frame)
        assert payloads_of(read(data, item.end)) == payloads[number:]
        assert [i.end for i in read(data, item.end)] == [i.end for i in items[number:]]


@given(size=st.integers(0, 100_000), position=st.integers(7, 100_000))
@settings(max_examples=100, deadline=None)
def test_chunks_end_where_their_block_ends(size: int, position: int) -> None:
    laid = chunks(bytes(size), position)
    offset = 0
    if BLOCK - position % BLOCK < CHUNK_HEADER:
        offset = BLOCK - position % BLOCK
    total = 0
    while offset < len(laid):
        left = BLOCK - (position + offset) % BLOCK
        length = int.from_bytes(laid[offset + 4 : offset + 6], "little")
        kind = laid[offset + 6]
        assert kind in (FULL, LAST) or CHUNK_HEADER + length == left
        assert CHUNK_HEADER + length <= left
        offset += CHUNK_HEADER + length
        total += length
    assert (offset, total) == (len(laid), size)
