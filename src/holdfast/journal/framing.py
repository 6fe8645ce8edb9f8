"""The layout of a `.wandb` file: numbers, and the functions that lay payloads out as chunks.

The layout is that of LevelDB's log files with a file header of seven bytes and a plain CRC-32
(IEEE, not masked); found in logs of every wandb from 0.10 to 0.31.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from zlib import crc32

__all__ = ["BLOCK", "CHUNK_HEADER", "FIRST", "FULL", "HEADER", "LAST", "MIDDLE", "chunks", "frames"]

#: ident ``:W&B``, magic 0xBEE1 little-endian, version 0
HEADER = b":W&B\xe1\xbe\x00"
BLOCK = 32768
#: checksum (uint32), length (uint16), type (uint8), little-endian
CHUNK_HEADER = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4

_OVERHEAD = CHUNK_HEADER.size
_PADDING = tuple(bytes(n) for n in range(_OVERHEAD))
#: the checksum covers the type byte and then the payload
_SEED = tuple(crc32(bytes([kind])) for kind in range(5))
_FULL_SEED = _SEED[FULL]
_header = CHUNK_HEADER.pack


def chunks(payload: bytes, position: int) -> bytes:
    """Lay out one payload as it must stand at ``position`` of the file, padding included.

    Args:
        payload: the bytes of one frame, of any length, empty too.
        position: offset in the file at which the result will be written.
    """
    left = BLOCK - position % BLOCK
    size = len(payload)
    if left >= _OVERHEAD + size:  # nearly always: one chunk in this block
        return _header(crc32(payload, _FULL_SEED), size, FULL) + payload
    parts = []
    if left < _OVERHEAD:
        parts.append(_PADDING[left])
        left = BLOCK
    begin = 0
    first = True
    while True:
        piece = payload[begin : begin + left - _OVERHEAD]
        begin += len(piece)
        last = begin == size
        kind = (FULL if last else FIRST) if first else (LAST if last else MIDDLE)
        parts.append(_header(crc32(piece, _SEED[kind]), len(piece), kind))
        parts.append(piece)
        if last:
            return b"".join(parts)
        first = False
        left = BLOCK


def frames(payloads: Iterable[bytes], position: int) -> bytes:
    """Lay out payloads one behind the other as they must stand at ``position`` of the file.

    Args:
        payloads: the bytes of one frame each.
        position: 0, where the file's header comes first, or the end of a frame.

    Example:
        >>> frames([b"one"], 0) == HEADER + chunks(b"one", len(HEADER))
        True
    """
    parts = []
    if position == 0:
        parts.append(HEADER)
        position = len(HEADER)
    for payload in payloads:
        laid = chunks(payload, position)
        parts.append(laid)
        position += len(laid)
    return b"".join(parts)
