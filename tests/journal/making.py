"""Journals for tests: built chunk by chunk, or written by the real writer."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from holdfast.journal import HEADER, Frame, Gap, Reader, Writer, scan

BLOCK = 32768
CHUNK_HEADER = 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def chunk(kind: int, piece: bytes) -> bytes:
    """One chunk, laid out by this file's own reading of the format."""
    checksum = zlib.crc32(bytes([kind]) + piece)
    return checksum.to_bytes(4, "little") + len(piece).to_bytes(2, "little") + bytes([kind]) + piece


def written(folder: Path, payloads: Iterable[bytes]) -> bytes:
    """The bytes of a journal that the real writer wrote."""
    path = folder / "written.wandb"
    path.unlink(missing_ok=True)
    writer = Writer(path, fsync="never")
    for payload in payloads:
        writer.append(payload)
    writer.close()
    return path.read_bytes()


def read(data: bytes, start: int = 0) -> list[Frame | Gap]:
    """What the reader makes of a file with these bytes; `scan` must say the same."""
    items = list(Reader(io.BytesIO(data), start=start))
    assert scan(data[start:], start) == items
    return items


def payloads_of(items: Sequence[Frame | Gap]) -> list[bytes]:
    return [item.payload for item in items if isinstance(item, Frame)]


def gaps_of(items: Sequence[Frame | Gap]) -> list[tuple[int, int, str]]:
    return [tuple(item) for item in items if isinstance(item, Gap)]


def filled(*sizes: int) -> list[bytes]:
    """Payloads of these sizes, each of another letter."""
    return [bytes([97 + number % 26]) * size for number, size in enumerate(sizes)]


def journal_of(*chunks: bytes) -> bytes:
    """A journal of chunks as they are given, without padding."""
    return HEADER + b"".join(chunks)
