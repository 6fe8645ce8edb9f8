"""The fast road for the rows of a training loop: a few names, numbers for values, step after step.

What `encode.HistoryEncoder` does for any row, this does for rows of numbers at a third of the cost:
the bytes that do not change from row to row are kept ready, one text for each length that a value
can have, and put together by functions that run in C. A row with anything else in it is handed back.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from operator import add, getitem
from typing import Any

__all__ = ["PlainRows"]

#: longest text of a value that is made ready for: floats have up to 24 characters
_LONGEST = 30
_MAX_KEY = 80
_MAX_SHAPES = 1000
#: keys that this module, and not the caller, writes
_OURS = ("_timestamp", "_runtime")
_RESERVED = frozenset({*_OURS, "_step"})
_NUMBERS = frozenset({float, int})
_CHAR = tuple(chr(number) for number in range(256))


class PlainRows:
    """Makes ``history`` records of rows of numbers. Use one for a whole run."""

    def __init__(self) -> None:
        # Bytes are put together as text of one byte a character and encoded once, at the end.
        self._shapes: dict[tuple[Any, ...], tuple[tuple[str, ...], ...]] = {}
        self._heads: dict[str, tuple[str, ...]] = {key: _heads(key) for key in _OURS}
        self._block = -1
        self._more = 0
        self._before_step = self._behind_step = ""

    def encode(self, row: Mapping[Any, Any], step: int, now: int, runtime: int) -> bytes | None:
        """The record of a row; None for a row that `encode.HistoryEncoder` has to write.

        Args:
            row: names and values, without the step and the times.
            step: the row's number, not negative.
            now: milliseconds since the epoch.
            runtime: milliseconds since the start, not negative.
        """
        shape = self._shapes.get(tuple(row)) or self._shape(row)
        values = row.values()
        # A sum is finite only if all of it is: one call instead of one for each value.
        if not shape or not _NUMBERS.issuperset(map(type, values)) or not _finite(values):
            return None
        clock, time = repr(now), repr(runtime) if runtime > 999 else f"{runtime:04}"
        texts = [
            *map(repr, values),
            f"{clock[:-3]}.{clock[-3:]}",
            f"{time[:-3]}.{time[-3:]}",
        ]
        try:
            items = "".join(map(add, map(getitem, shape, map(len, texts)), texts))
        except IndexError:  # an integer of many digits
            return None
        if step >> 7 != self._block:
            self._enter_block(step)
        body = f"{items}{self._before_step}{_CHAR[step & 127 | self._more]}{self._behind_step}"
        size = len(body)
        if 128 <= size < 16384:
            return f"\x12{_CHAR[size & 127 | 128]}{_CHAR[size >> 7]}{body}".encode("latin-1")
        return f"\x12{_varint(size)}{body}".encode("latin-1")

    def _shape(self, row: Mapping[Any, Any]) -> tuple[tuple[str, ...], ...]:
        """What stands before the values of rows with these keys; empty when they are not plain."""
        shape = ()
        if row and all(type(k) is str and len(k) <= _MAX_KEY and k not in _RESERVED for k in row):
            for key in row:
                if key not in self._heads:
                    self._heads[key] = _heads(key)
            shape = tuple(self._heads[key] for key in (*row, *_OURS))
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        self._shapes[tuple(row)] = shape
        return shape

    def _enter_block(self, step: int) -> None:
        """Keep ready what 128 steps in a row have in common."""
        self._block = step >> 7
        self._more = 128 if self._block else 0
        self._behind_step = _varint(self._block) if self._block else ""
        self._before_step = f"\x12{_CHAR[2 + len(self._behind_step)]}\x08"


def _finite(values: Any) -> bool:
    try:
        return isfinite(sum(values))
    except OverflowError:  # integers that no float can hold
        return False


def _heads(key: str) -> tuple[str, ...]:
    """What stands before a value of each length: tags and lengths of the item and of its key."""
    name = key.encode("utf-8", "backslashreplace").decode("latin-1")
    prefix = f"\x12{_varint(len(name))}{name}\x82\x01"
    return tuple(
        f"\n{_varint(len(prefix) + 1 + size)}{prefix}{_CHAR[size]}" for size in range(_LONGEST + 1)
    )


def _varint(number: int) -> str:
    text = ""
    while number > 127:
        text += _CHAR[number & 127 | 128]
        number >>= 7
    return text + _CHAR[number]
