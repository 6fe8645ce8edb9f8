"""Reading a journal: frames in order, gaps where bytes are damaged, a position to go on from.

A torn tail is a clean end: bytes after the last whole frame are left alone, and reading again
later goes on from there, so that one reader serves finished and growing files. Damage in the
middle costs no more than the frames it touches: after a chunk that does not check, the next
offset at which a whole frame checks is looked for, byte by byte.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from holdfast.journal.framing import BLOCK, CHUNK_HEADER, FIRST, FULL, HEADER, LAST

__all__ = ["Frame", "Gap", "Reader", "scan"]

_OVERHEAD = CHUNK_HEADER.size
_SLAB = 32 * BLOCK
#: checksums tried in one block before the search goes on in the next one: noise gives about 500,
#: and bytes made to be slow must not stop a server
_TRIES_PER_BLOCK = 4096
_TYPE_BYTE = re.compile(b"[\x01\x02]")


class Frame(NamedTuple):
    """One whole frame: its payload, where it starts, and the position after it."""

    payload: bytes
    start: int
    end: int


class Gap(NamedTuple):
    """Bytes ``start`` to ``end`` that no whole frame covers, with what is wrong at ``start``."""

    start: int
    end: int
    reason: str


class _IncompleteError(Exception):
    """The frame goes on after the bytes at hand."""


class _BadError(Exception):
    """No frame can be read here, however many bytes follow."""


class Reader:
    """Frames of a journal, from a position on.

    Iterating yields `Frame` and `Gap` in order and ends at the end of the file or before a torn
    tail; iterating again goes on where the last whole frame ended, with whatever was written since.

    Args:
        file: opened for binary reading, seekable.
        start: 0, or the end of a frame.

    Example:
        >>> with open("run-4k2j9x0a.wandb", "rb") as file:
        ...     payloads = [item.payload for item in Reader(file) if isinstance(item, Frame)]
    """

    def __init__(self, file: BinaryIO, *, start: int = 0) -> None:
        self._file = file
        self.position = start

    def __iter__(self) -> Iterator[Frame | Gap]:
        data = b""
        while True:
            # A slab that ends within a frame is read again with more behind it; reading as much
            # again as is left makes the cost of a huge frame linear.
            want = max(_SLAB, len(data))
            self._file.seek(self.position + len(data))
            more = self._file.read(want)
            data += more
            base = self.position
            for item in _parse(data, base, final=len(more) < want):
                self.position = item.end
                yield item
            if len(more) < want:
                return
            data = data[self.position - base :]


def scan(data: bytes, start: int = 0) -> list[Frame | Gap]:
    """Read all whole frames of ``data``, which begins at offset ``start`` of a journal.

    The end of the last item is the position up to which ``data`` holds whole frames.
    """
    return list(_parse(data, start, final=True))


def _parse(data: bytes, base: int, *, final: bool) -> Iterator[Frame | Gap]:
    """Yield what ``data`` (at file offset ``base``) holds; ``final`` when nothing follows it."""
    offset = 0
    if base == 0:
        head = data[: len(HEADER)]
        offset = len(HEADER)
        if head != HEADER:
            found = _next_frame(data, base, offset) if len(head) == offset else None
            if found is None:
                return
            yield Gap(0, found.start, "no .wandb header")
            offset = found.start
    unpack, crc32, size = CHUNK_HEADER.unpack_from, zlib.crc32, len(data)
    while True:
        # The nearly only case first, without a call: a whole frame in one chunk that checks.
        start = base + offset
        left = BLOCK - start % BLOCK
        if left >= _OVERHEAD and offset + _OVERHEAD <= size:
            checksum, length, kind = unpack(data, offset)
            end = offset + _OVERHEAD + length
            if (
                kind == FULL
                and _OVERHEAD + length <= left
                and end <= size
                and crc32(data[offset + 6 : end]) == checksum
            ):
                yield Frame(data[offset + _OVERHEAD : end], start, base + end)
                offset = end
                continue
        try:
            frame = _frame_at(data, base, offset)
        except (_IncompleteError, _BadError) as problem:
            # Incomplete is nearly always a frame still being written. But a damaged length can
            # point past the end of the file too: a whole frame behind it tells the two apart.
            if isinstance(problem, _IncompleteError) and not final:
                return
            found = _next_frame(data, base, offset + 1)
            if found is None:
                return
            yield Gap(start, found.start, str(problem) or "frame cut short")
            frame = found
        yield frame
        offset = frame.end - base


def _frame_at(data: bytes, base: int, offset: int) -> Frame:
    """The frame at ``offset`` of ``data``, joined from its chunks.

    Raises:
        _IncompleteError, _BadError: there is none.
    """
    parts: list[bytes] = []
    begin = offset
    while True:
        left = BLOCK - (base + offset) % BLOCK
        if left < _OVERHEAD:
            offset += left
            if not parts:
                begin = offset
            left = BLOCK
        kind, piece, end = _chunk_at(data, offset, left)
        if (kind in (FULL, FIRST)) != (not parts):
            raise _BadError("chunks out of order")
        parts.append(piece)
        offset = end
        if kind in (FULL, LAST):
            return Frame(b"".join(parts), base + begin, base + end)


def _chunk_at(data: bytes, offset: int, left: int) -> tuple[int, bytes, int]:
    if offset + _OVERHEAD > len(data):
        raise _IncompleteError
    checksum, length, kind = CHUNK_HEADER.unpack_from(data, offset)
    if not FULL <= kind <= LAST:
        raise _BadError("no chunk header")
    if _OVERHEAD + length > left:
        raise _BadError("chunk longer than its block")
    end = offset + _OVERHEAD + length
    if end > len(data):
        raise _IncompleteError
    if zlib.crc32(data[offset + 6 : end]) != checksum:
        raise _BadError("checksum mismatch")
    return kind, data[offset + _OVERHEAD : end], end


def _next_frame(data: bytes, base: int, offset: int) -> Frame | None:
    """The first whole frame that starts at ``offset`` or later; None when there is none."""
    block, tries = -1, 0
    # A frame begins with a FULL or FIRST chunk; its type is the seventh byte of the header.
    match = _TYPE_BYTE.search(data, offset + 6)
    while match is not None:
        candidate = match.start() - 6
        here = (base + candidate) // BLOCK
        block, tries = (here, tries + 1) if here == block else (here, 0)
        if tries > _TRIES_PER_BLOCK:
            candidate = (here + 1) * BLOCK - base - 1
        else:
            try:
                return _frame_at(data, base, candidate)
            except (_BadError, _IncompleteError):
                pass  # not a frame: that is what the search is for
        match = _TYPE_BYTE.search(data, candidate + 7)
    return None
