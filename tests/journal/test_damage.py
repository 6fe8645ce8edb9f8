"""The damage table: what is left of a journal after a crash, a bad disk, a foreign file.

Each case says which frames must come back and which bytes are reported as a gap.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pytest
from journal.making import (
    BLOCK,
    FIRST,
    FULL,
    LAST,
    MIDDLE,
    chunk,
    gaps_of,
    journal_of,
    payloads_of,
    read,
    written,
)

from holdfast.journal import HEADER, Frame, Reader, scan
from holdfast.journal.reader import _TRIES_PER_BLOCK, _chunk_at

Change = Callable[[bytearray, list[Frame]], None]

#: small frames, one over three blocks, small ones again
PAYLOADS = [
    *(b"before %d" % number for number in range(10)),
    bytes(range(256)) * 300,
    *(b"after %d" % number for number in range(10)),
    b"z" * 40_000,
    b"last",
]
BIG, FAR = 10, 21


class Damaged(NamedTuple):
    data: bytes
    frames: list[Frame]


def damaged(folder: Path, change: Change) -> Damaged:
    data = written(folder, PAYLOADS)
    frames = [item for item in read(data) if isinstance(item, Frame)]
    changed = bytearray(data)
    change(changed, frames)
    return Damaged(bytes(changed), frames)


def _flip(number: int, byte: int, bit: int = 0x10) -> Change:
    """Turn a bit of one byte of a frame, counted from its start."""

    def change(data: bytearray, frames: list[Frame]) -> None:
        data[frames[number].start + byte] ^= bit

    return change


def _flip_at(offset: int) -> Change:
    def change(data: bytearray, frames: list[Frame]) -> None:
        data[offset] ^= 0x10

    return change


def _overwrite(start: int, new: bytes) -> Change:
    def change(data: bytearray, frames: list[Frame]) -> None:
        data[start : start + len(new)] = new

    return change


def _append(more: bytes) -> Change:
    def change(data: bytearray, frames: list[Frame]) -> None:
        data += more

    return change


def _zero_from(number: int, byte: int = 0) -> Change:
    """Zero all from a byte of a frame on, as a power cut does to pages on their way."""

    def change(data: bytearray, frames: list[Frame]) -> None:
        start = frames[number].start + byte
        data[start:] = bytes(len(data) - start)

    return change


def _noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


#: name: (what is done, frames that are lost, reason of the gap)
IN_THE_MIDDLE: dict[str, tuple[Change, set[int], str]] = {
    "bit of a checksum": (_flip(3, 0), {3}, "checksum mismatch"),
    "bit of a length, now shorter": (_flip(BIG, 5), {BIG}, "checksum mismatch"),
    "bit of a length, now longer": (_flip(3, 4), {3}, "checksum mismatch"),
    "bit of a length, now longer than the block": (
        _flip(3, 5, 0x80),
        {3},
        "chunk longer than its block",
    ),
    "bit of a type, now none": (_flip(3, 6), {3}, "no chunk header"),
    "bit of a payload": (_flip(3, 9), {3}, "checksum mismatch"),
    "bit of the first frame": (_flip(0, 9), {0}, "checksum mismatch"),
    "bit in the first part of a big frame": (_flip(BIG, 99), {BIG}, "checksum mismatch"),
    "bit in the middle part of a big frame": (
        _flip_at(BLOCK + 500),
        {BIG},
        "checksum mismatch",
    ),
    "bit in the last part of a big frame": (
        _flip_at(2 * BLOCK + 50),
        {BIG},
        "checksum mismatch",
    ),
    "zeroed page within a big frame": (
        _overwrite(BLOCK + 4096, bytes(4096)),
        {BIG},
        "checksum mismatch",
    ),
    "zeroed first page": (_overwrite(0, bytes(4096)), {*range(BIG + 1)}, "no .wandb header"),
    "block of noise": (_overwrite(BLOCK, _noise(BLOCK)), {BIG}, "chunk longer than its block"),
    "header of another kind of file": (_overwrite(0, b"PK\x03\x04..."), set(), "no .wandb header"),
    "header of another version": (_overwrite(6, b"\x01"), set(), "no .wandb header"),
}


@pytest.mark.parametrize("name", IN_THE_MIDDLE)
def test_damage_in_the_middle_costs_only_the_frames_it_touches(name: str, tmp_path: Path) -> None:
    change, lost, reason = IN_THE_MIDDLE[name]
    data, frames = damaged(tmp_path, change)
    items = read(data)
    kept = [number for number in range(len(PAYLOADS)) if number not in lost]
    assert payloads_of(items) == [PAYLOADS[number] for number in kept]
    start = 0 if reason == "no .wandb header" else frames[min(lost)].start
    [gap] = gaps_of(items)
    assert gap[:2] == (start, frames[max(lost) + 1].start if lost else frames[0].start)
    if name != "block of noise":  # what stands there first depends on the noise
        assert gap[2] == reason


#: name: (what is done, how many frames are left)
AT_THE_END: dict[str, tuple[Change, int]] = {
    "zeros appended": (_append(bytes(100_000)), 23),
    "noise appended": (_append(_noise(100_000)), 23),
    "the tail zeroed": (_zero_from(15), 15),
    "the tail zeroed within a frame": (_zero_from(FAR, 9), FAR),
    "the tail zeroed within a header": (_zero_from(15, 3), 15),
    "the last frame's checksum": (_flip(22, 2), 22),
    "the last frame's length, now past the end": (_flip(22, 5), 22),
    "the end of another frame appended": (_append(chunk(LAST, b"lost its beginning")), 23),
    "a first chunk without its rest": (_append(chunk(FIRST, b"lost its end")), 23),
}


@pytest.mark.parametrize("name", AT_THE_END)
def test_damage_at_the_end_is_a_torn_tail(name: str, tmp_path: Path) -> None:
    change, left = AT_THE_END[name]
    data, frames = damaged(tmp_path, change)
    items = read(data)
    assert payloads_of(items) == PAYLOADS[:left]
    assert gaps_of(items) == []
    assert items[-1].end == frames[left - 1].end


@pytest.mark.parametrize(
    "data",
    [
        b"",
        *(HEADER[:size] for size in range(1, len(HEADER) + 1)),
        HEADER + b"\x00" * 5,
        HEADER + bytes(3 * BLOCK),
        bytes(100),
        b"PK\x03\x04" + _noise(3 * BLOCK, 2),
        b"just some text, longer than a header, and a second line\n" * 100,
    ],
    ids=lambda data: f"{len(data)} bytes, {data[:8].hex()}",
)
def test_files_without_a_frame(data: bytes) -> None:
    assert read(data) == []


def test_torn_at_every_byte(tmp_path: Path) -> None:
    payloads = [b"first", b"", b"third one", b"\x00" * 20, b"\x01" * 20, b"end"]
    data = written(tmp_path, payloads)
    frames = read(data)
    for size in range(len(data)):
        whole = [frame for frame in frames if frame.end <= size]
        assert read(data[:size]) == whole, f"torn at {size}"


def test_torn_around_the_borders_of_blocks(tmp_path: Path) -> None:
    data = written(tmp_path, PAYLOADS)
    frames = read(data)
    for border in (BLOCK, 2 * BLOCK, frames[BIG].start, frames[BIG].end, frames[FAR].end):
        for size in range(border - 20, border + 21):
            whole = [frame for frame in frames if frame.end <= size]
            assert read(data[:size]) == whole, f"torn at {size}"


def test_every_byte_flipped_costs_one_frame(tmp_path: Path) -> None:
    payloads = [b"first", b"", b"third one", b"\x01\x02\x03\x04" * 5, b"end"]
    data = written(tmp_path, payloads)
    frames = read(data)
    for offset in range(len(HEADER), len(data)):
        changed = bytearray(data)
        changed[offset] ^= 0xFF
        items = read(bytes(changed))
        touched = next(frame for frame in frames if frame.start <= offset < frame.end)
        assert [item for item in items if isinstance(item, Frame)] == [
            frame for frame in frames if frame is not touched
        ], f"flipped at {offset}"
        wanted = [] if touched is frames[-1] else [(touched.start, touched.end)]
        assert [gap[:2] for gap in gaps_of(items)] == wanted


def test_two_damaged_places_are_two_gaps(tmp_path: Path) -> None:
    def change(data: bytearray, frames: list[Frame]) -> None:
        data[frames[2].start + 8] ^= 1
        data[frames[15].start + 8] ^= 1

    data, frames = damaged(tmp_path, change)
    assert [gap[:2] for gap in gaps_of(read(data))] == [
        (frames[2].start, frames[2].end),
        (frames[15].start, frames[15].end),
    ]


@pytest.mark.parametrize(
    ("chunks", "left", "reason"),
    [
        ([chunk(MIDDLE, b"a"), chunk(FULL, b"b")], [b"b"], "chunks out of order"),
        ([chunk(LAST, b"a"), chunk(FULL, b"b")], [b"b"], "chunks out of order"),
        ([chunk(FIRST, b"a"), chunk(FULL, b"b")], [b"b"], "chunks out of order"),
        (
            [chunk(FIRST, b"a"), chunk(FIRST, b"b"), chunk(LAST, b"c")],
            [b"bc"],
            "chunks out of order",
        ),
        (
            [chunk(FIRST, b"a"), chunk(MIDDLE, b"b"), chunk(FULL, b"c")],
            [b"c"],
            "chunks out of order",
        ),
        ([chunk(5, b"a"), chunk(FULL, b"b")], [b"b"], "no chunk header"),
        ([chunk(0, b"a"), chunk(FULL, b"b")], [b"b"], "no chunk header"),
        ([chunk(FIRST, b""), chunk(MIDDLE, b""), chunk(LAST, b"a")], [b"a"], None),
        ([chunk(FIRST, b"a"), chunk(MIDDLE, b"b"), chunk(LAST, b"c")], [b"abc"], None),
    ],
)
def test_chunks_in_odd_orders(chunks: list[bytes], left: list[bytes], reason: str | None) -> None:
    items = read(journal_of(*chunks))
    assert payloads_of(items) == left
    assert [gap[2] for gap in gaps_of(items)] == ([] if reason is None else [reason])


def test_noise_between_frames_is_passed_at_the_very_byte() -> None:
    for seed in range(30):
        noise = _noise(random.Random(seed).randrange(1, 3000), seed)
        data = journal_of(chunk(FULL, b"a"), noise, chunk(FULL, b"b" * 50))
        items = read(data)
        assert payloads_of(items) == [b"a", b"b" * 50]
        [(start, end, _)] = gaps_of(items)
        assert (start, end) == (len(HEADER) + 8, len(HEADER) + 8 + len(noise))


def test_noise_that_begins_like_frames() -> None:
    """Headers that look right, with checksums that are not: none is taken, the frame after is."""
    for kind in (FULL, FIRST):
        like = b"\x00\x00\x00\x00" + (20).to_bytes(2, "little") + bytes([kind])
        data = journal_of(chunk(FULL, b"a"), like * 500, chunk(FULL, b"b"))
        assert payloads_of(read(data)) == [b"a", b"b"]


def test_a_whole_frame_inside_a_damaged_one_is_not_mistaken_when_the_outer_is_whole() -> None:
    inner = chunk(FULL, b"inside")
    data = journal_of(chunk(FULL, b"outer" + inner), chunk(FULL, b"next"))
    assert payloads_of(read(data)) == [b"outer" + inner, b"next"]


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Offsets at which a chunk was looked for; work is counted, since time says little."""
    offsets: list[int] = []

    def counted(data: bytes, offset: int, left: int) -> tuple[int, bytes, int]:
        offsets.append(offset)
        return _chunk_at(data, offset, left)

    monkeypatch.setattr("holdfast.journal.reader._chunk_at", counted)
    return offsets


def test_a_block_full_of_likely_headers_gives_up_until_the_next_block(tried: list[int]) -> None:
    data = HEADER + b"\x01" * (BLOCK - len(HEADER)) + chunk(FULL, b"found")
    assert payloads_of(scan(data)) == [b"found"]
    assert _TRIES_PER_BLOCK < len(tried) < _TRIES_PER_BLOCK + 10


def test_work_on_bytes_made_to_be_slow_grows_with_their_number(tried: list[int]) -> None:
    """Many first chunks that all lead into one long row of chunks without an end.

    Each of them is a fair beginning of a frame. Followed to the end each time, the row would cost
    as much as the two numbers multiplied.
    """
    counts = []
    for size in (1, 2, 4):
        tried.clear()
        assert read(_slow(size)) == []
        counts.append(len(tried))
    assert counts[1] < 3 * counts[0]
    assert counts[2] < 3 * counts[1]


def _slow(size: int) -> bytes:
    """First chunks, ``200 * size`` of them, each around the next, then rows of middle chunks."""
    row = chunk(MIDDLE, b"") * (500 * size)
    inner = b""
    for _ in range(200 * size):
        inner = chunk(FIRST, inner)
    return HEADER + inner + row


def test_a_gap_longer_than_a_slab_is_not_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "holes.wandb"
    size = 64 << 20
    with path.open("wb") as file:
        file.write(HEADER + chunk(FULL, b"a"))
        file.truncate(size)
        file.seek(size)
        file.write(chunk(FULL, b"b"))
    with path.open("rb") as file:
        watched = _Watched(file)
        items = list(Reader(watched))  # type: ignore[arg-type]
    assert payloads_of(items) == [b"a", b"b"]
    assert gaps_of(items) == [(len(HEADER) + 8, size, "no chunk header")]
    assert watched.longest <= 2 << 20


class _Watched:
    """A file that keeps the size of the longest read that was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.longest = 0

    def seek(self, offset: int) -> int:
        return self.file.seek(offset)

    def read(self, size: int) -> bytes:
        self.longest = max(self.longest, size)
        return self.file.read(size)
