"""TensorBoard's event files: which lie below a folder, and the events in one from an offset on.

Owns the framing: TensorFlow's record files, in which a length and its checksum stand before the
bytes of an event and their checksum behind them. Must not know what becomes of the events.

A torn tail is a clean end, as in a journal. Damage costs the events that it touches.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import DamagedError, NotFoundError, StorageError
from holdfast.records.tensorboard import Scalars, read_event
from holdfast.rundir.discover import folders_among, journals_among

__all__ = ["EventFile", "event_files"]

_MARK = ".tfevents."
_LENGTH = struct.Struct("<Q")
_CHECKSUM = struct.Struct("<I")
_HEAD = _LENGTH.size + _CHECKSUM.size
_WINDOW_BYTES = 1 << 18
#: events of more bytes are taken for no events: somebody would have to hold one in memory
_MAX_EVENT = 1 << 30
#: The checksum of an event's bytes is a loop in Python, some microseconds for an event of scalars
#: and seconds for a large image. Longer events are checked only if a scalar of them is taken.
_ALWAYS_CHECKED = 4096


def event_files(path: Path) -> list[Path]:
    """The event files at or below ``path``, by their paths; none of those in run folders.

    A run folder's event files go with the run.

    Raises:
        NotFoundError: there is nothing at ``path``.
        StorageError: a folder cannot be read.
    """
    if path.is_file():
        return [path] if _MARK in path.name else []
    if not path.is_dir():
        raise NotFoundError(f"there is nothing at {path}", "name a folder of event files")
    found: list[Path] = []
    for folder, subfolders, names in os.walk(path, onerror=_refuse):
        if journals_among(names):
            subfolders.clear()
            continue
        found += [Path(folder, name) for name in names if _MARK in name]
        subfolders[:] = folders_among(subfolders, beside_journal=False)
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise StorageError(
        f"cannot read {error.filename}: {error.strerror or error}", "check the rights of the folder"
    ) from error


class EventFile:
    """One event file, read from an offset on; no file is held open between two reads.

    Args:
        path: the file.
        offset: 0, or where an earlier reading ended.

    Attributes:
        offset: behind the last whole event that was read.
        others: how many values were no scalars, by kind.
        damaged: bytes that could not be read as events, each as (start, end).
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.others: Counter[str] = Counter()
        self.damaged: list[tuple[int, int]] = []
        self._start, self._data = 0, b""

    def events(self) -> Iterator[Scalars]:
        """Those with scalars, in order, up to the end of the file or a torn tail.

        Raises:
            StorageError: the file cannot be read.
        """
        while len(head := self._read(self.offset, _HEAD)) == _HEAD:
            size = _length_in(head)
            if size is None:
                if (found := self._next_head(self.offset + 1)) is None:
                    self.damaged.append((self.offset, self._size()))
                    return
                self.damaged.append((self.offset, found))
                self.offset = found
                continue
            body = self._read(self.offset + _HEAD, size + _CHECKSUM.size)
            if len(body) < size + _CHECKSUM.size:
                return
            start = self.offset
            self.offset += _HEAD + len(body)
            event = _event_in(body)
            if event is None:
                self.damaged.append((start, self.offset))
                continue
            self.others += event.others
            if event.values:
                yield event

    def _next_head(self, at: int) -> int | None:
        """Where the next length stands whose checksum is right; None up to the end of the file."""
        # The upper half of a length is zero: the search goes from one such place to the next.
        while len(data := self._read(at, _WINDOW_BYTES)) >= _HEAD:
            place = data.find(bytes(4), 4)
            while 4 <= place <= len(data) - 8:
                if _length_in(data[place - 4 : place + 8]) is not None:
                    return at + place - 4
                place = data.find(bytes(4), place + 1)
            at += len(data) - _HEAD + 1
        return None

    def _read(self, at: int, size: int) -> bytes:
        """``size`` bytes from an offset on, fewer at the end of the file."""
        if not self._start <= at <= at + size <= self._start + len(self._data):
            try:
                with self.path.open("rb", buffering=0) as file:
                    file.seek(at)
                    self._data = file.read(max(size, _WINDOW_BYTES))
            except OSError as error:
                raise self._unreadable(error) from error
            self._start = at
        return self._data[at - self._start : at - self._start + size]

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot read {self.path}: {error.strerror or error}", "check the rights of the file"
        )


def _length_in(head: bytes) -> int | None:
    """How long the event behind a head is; None where no head is."""
    size: int = _LENGTH.unpack_from(head)[0]
    if size > _MAX_EVENT or _masked(head[:8]) != _CHECKSUM.unpack_from(head, 8)[0]:
        return None
    return size


def _event_in(body: bytes) -> Scalars | None:
    """The event in some bytes that its checksum follows; None if they are damaged."""
    payload = body[: -_CHECKSUM.size]

    def is_right() -> bool:
        right: bool = _masked(payload) == _CHECKSUM.unpack_from(body, len(payload))[0]
        return right

    if len(payload) <= _ALWAYS_CHECKED and not is_right():
        return None
    try:
        event = read_event(payload)
    except DamagedError:
        return None
    if len(payload) > _ALWAYS_CHECKED and event.values and not is_right():
        return None
    return event


def _table() -> tuple[int, ...]:
    """The remainders of CRC-32C (Castagnoli), which no module of Python has."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _table()


def _masked(data: bytes) -> int:
    """The CRC-32C of some bytes, turned and moved as TensorFlow stores it."""
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF
