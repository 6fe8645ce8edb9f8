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

__all__ = ["Frame", "Gap", "Reader", "Scanned", "scan", "scan_payloads"]

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


class Scanned(NamedTuple):
    """What some bytes of a journal hold, and the end of the last whole frame among them."""

    payloads: list[bytes]
    gaps: list[Gap]
    end: int


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

    Attributes:
        position: the end of what was yielded last: a place between two frames.

    Example:
        >>> with open("run-4k2j9x0a.wandb", "rb") as file:
        ...     payloads = [item.payload for item in Reader(file) if isinstance(item, Frame)]
    """

    def __init__(self, file: BinaryIO, *, start: int = 0) -> None:
        self._file = file
        self.position = start

    def __iter__(self) -> Iterator[Frame | Gap]:
        data, base, gap = b"", self.position, None
        while True:
            # A slab that ends within a frame is read again with more behind it; reading as much
            # again as is left makes the cost of a huge frame linear.
            want = max(_SLAB, len(data))
            self._file.seek(base + len(data))
            more = self._file.read(want)
            slab = _Slab(data + more, base, final=len(more) < want, gap=gap)
            for item in slab:
                self.position = item.end
                yield item
            if slab.final:
                return
            data, base, gap = slab.data[slab.done :], base + slab.done, slab.gap


def scan(data: bytes, start: int = 0) -> list[Frame | Gap]:
    """Read all whole frames of ``data``, which begins at offset ``start`` of a journal.

    The end of the last item is the position up to which ``data`` holds whole frames.
    """
    return list(_Slab(data, start, final=True))


def scan_payloads(data: bytes, start: int = 0) -> Scanned:
    """The same without the place of each frame, for those who only want what is in them."""
    return _Slab(data, start, final=True).scanned()


class _Run(NamedTuple):
    """Frames that stand one behind the other, the first at ``start``; a gap may stand before it."""

    start: int
    payloads: list[bytes]
    ends: list[int]
    gap: Gap | None


class _Slab:
    """Some bytes of a journal, and how far they have been taken apart.

    Attributes:
        data: the bytes. base: their offset in the file. final: whether nothing follows them.
        done: how many of the bytes need not be looked at again once more are there.
        gap: where the gap in which ``done`` lies starts, and what is wrong there.
    """

    def __init__(
        self, data: bytes, base: int, *, final: bool, gap: tuple[int, str] | None = None
    ) -> None:
        self.data = data
        self.base = base
        self.final = final
        self.done = 0
        self.gap = gap
        # Offsets at which no rest of a frame stands, and why. Bytes made to be slow can have many
        # first chunks that lead to one long row of chunks without an end: it is read once.
        self._no_rest: dict[int, _IncompleteError | _BadError] = {}

    def __iter__(self) -> Iterator[Frame | Gap]:
        if not self._take_header():
            return
        for run in self._runs():
            if run.gap is not None:
                yield run.gap
            start = run.start
            for payload, end in zip(run.payloads, run.ends, strict=True):
                yield Frame(payload, start, end)
                start = end

    def scanned(self) -> Scanned:
        """All of it at once."""
        payloads: list[bytes] = []
        gaps: list[Gap] = []
        end = self.base
        if self._take_header():
            for run in self._runs():
                payloads += run.payloads
                if run.gap is not None:
                    gaps.append(run.gap)
                end = run.ends[-1]
        return Scanned(payloads, gaps, end)

    def _runs(self) -> Iterator[_Run]:
        base, offset = self.base, self.done
        if self.gap is None:
            run = self._plain(_Run(base + offset, [], [], None))
            offset = run.ends[-1] - base if run.ends else offset
            if run.ends:
                yield run
        while True:
            self.done = offset
            frame = self._next(offset)
            if frame is None:
                return
            gap = None if self.gap is None else Gap(self.gap[0], frame.start, self.gap[1])
            self.gap = None
            run = self._plain(_Run(frame.start, [frame.payload], [frame.end], gap))
            offset = run.ends[-1] - base
            yield run

    def _plain(self, run: _Run) -> _Run:
        """Go on with whole frames of one chunk that checks: nearly all frames, without a call."""
        data, base, size = self.data, self.base, len(self.data)
        unpack, crc32 = CHUNK_HEADER.unpack_from, zlib.crc32
        add_payload, add_end = run.payloads.append, run.ends.append
        offset = (run.ends[-1] if run.ends else run.start) - base
        while offset + _OVERHEAD <= size:
            left = BLOCK - (base + offset) % BLOCK
            if left < _OVERHEAD:
                break
            checksum, length, kind = unpack(data, offset)
            end = offset + _OVERHEAD + length
            if kind != FULL or _OVERHEAD + length > left or end > size:
                break
            if crc32(data[offset + 6 : end]) != checksum:
                break
            add_payload(data[offset + _OVERHEAD : end])
            add_end(base + end)
            offset = end
        return run

    def _take_header(self) -> bool:
        """Pass the header of the file; False when there is not so much as that."""
        if self.base == 0:
            if len(self.data) < len(HEADER):
                return False
            if not self.data.startswith(HEADER):
                self.gap = (0, "no .wandb header")
            self.done = len(HEADER)
        return True

    def _next(self, offset: int) -> Frame | None:
        """The frame at ``offset``; after damage there, which begins a gap, the next one."""
        if self.gap is None:
            try:
                return self._frame_at(offset)
            except (_IncompleteError, _BadError) as problem:
                # Incomplete is nearly always a frame still being written. But a damaged length
                # can point past the end of the file too: a frame behind it tells the two apart.
                if isinstance(problem, _IncompleteError) and not self.final:
                    return None
                self.gap = (self.base + offset, str(problem) or "frame cut short")
                offset += 1
        return self._search(offset)

    def _search(self, offset: int) -> Frame | None:
        """The first whole frame that starts at ``offset`` or later; None when there is none."""
        block, tries = -1, 0
        # A frame begins with a FULL or FIRST chunk; its type is the seventh byte of the header.
        match = _TYPE_BYTE.search(self.data, offset + 6)
        while match is not None:
            candidate = match.start() - 6
            here = (self.base + candidate) // BLOCK
            block, tries = (here, tries + 1) if here == block else (here, 0)
            if tries > _TRIES_PER_BLOCK:
                candidate = (here + 1) * BLOCK - self.base - 1
            else:
                try:
                    return self._frame_at(candidate)
                except _IncompleteError:
                    if not self.final:  # it may be a frame once more bytes are there
                        self.done = candidate
                        return None
                except _BadError:
                    pass  # not a frame: that is what the search is for
            match = _TYPE_BYTE.search(self.data, candidate + 7)
        self.done = max(offset, len(self.data) - _OVERHEAD + 1)
        return None

    def _frame_at(self, offset: int) -> Frame:
        """The frame at ``offset``, joined from its chunks.

        Raises:
            _IncompleteError, _BadError: there is none.
        """
        parts: list[bytes] = []
        rests: list[int] = []
        begin = offset
        try:
            while True:
                left = BLOCK - (self.base + offset) % BLOCK
                if left < _OVERHEAD:
                    offset += left
                    left = BLOCK
                if not parts:
                    begin = offset
                elif offset in self._no_rest:
                    raise self._no_rest[offset]
                else:
                    rests.append(offset)
                kind, piece, end = _chunk_at(self.data, offset, left)
                if (kind in (FULL, FIRST)) != (not parts):
                    raise _BadError("chunks out of order")
                parts.append(piece)
                offset = end
                if kind in (FULL, LAST):
                    return Frame(b"".join(parts), self.base + begin, self.base + end)
        except (_IncompleteError, _BadError) as problem:
            self._no_rest.update(dict.fromkeys(rests, problem))
            raise


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
