"""The fast road for the rows of a training loop: a few names, numbers for values, step after step.

What `encode.HistoryEncoder` does for any row, this does for rows of numbers at half the cost:
the bytes that do not change from row to row are kept ready, one text for each length that a value
can have. A row with anything else in it is handed back.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from holdfast.records.encode import open_row

__all__ = ["PlainRows", "heads_of", "opened"]

#: longest text of a value that is made ready for: floats have up to 24 characters
_LONGEST = 30
_MAX_KEY = 80
_MAX_SHAPES = 1000
#: keys that this module, and not the caller, writes
_RESERVED = frozenset({"_timestamp", "_runtime", "_step"})
_is_numbers = frozenset({float, int}).issuperset
_CHAR = tuple(chr(number) for number in range(256))


class PlainRows:
    """Makes ``history`` records of rows of numbers. Use one for a whole run."""

    def __init__(self) -> None:
        # Bytes are put together as text of one byte a character and encoded once, at the end.
        self._shapes: dict[tuple[Any, ...], tuple[tuple[str, ...], ...]] = {}
        self._heads: dict[str, tuple[str, ...]] = {}
        self._now = -1
        self._times = ""

    def encode(self, row: Mapping[Any, Any], step: int, now: int, runtime: int) -> bytes | None:
        """The record of a row; None for a row that `encode.HistoryEncoder` has to write.

        Args:
            row: names and values, without the step and the times.
            step: the row's number, not negative.
            now: milliseconds since the epoch.
            runtime: milliseconds since the start.
        """
        try:
            heads = self._shapes[tuple(row)]
            values = row.values()
            # A sum is finite only if all of it is: one call instead of one for each value.
            if not _is_numbers(map(type, values)) or not isfinite(sum(values)):
                return None
            pairs = zip(heads, map(repr, values))  # noqa: B905  `strict` costs a tenth of all this
            items = "".join([head[len(text)] + text for head, text in pairs])
        except KeyError:  # names that never came together before
            return self.encode(row, step, now, runtime) if self._learn(row) else None
        except (IndexError, OverflowError):  # an integer of many digits
            return None
        except (TypeError, AttributeError):  # no dict at all
            return None
        if now != self._now:
            self._prepare(now, runtime)
        number = repr(step)
        body = f"{items}{self._times}{_STEP[len(number)]}{number}"
        size = len(body)
        if 128 <= size < 16384:
            return f"\x12{_CHAR[size & 127 | 128]}{_CHAR[size >> 7]}{body}".encode("latin-1")
        return f"\x12{_varint(size)}{body}".encode("latin-1")

    def _learn(self, row: Mapping[Any, Any]) -> bool:
        """Make ready for rows with these keys; False when some of them are not plain."""
        plain = (type(k) is str and len(k) <= _MAX_KEY and k not in _RESERVED for k in row)
        if not row or not all(plain):
            return False
        for key in row:
            if key not in self._heads:
                self._heads[key] = heads_of(key)
        if len(self._shapes) >= _MAX_SHAPES:
            self._shapes.clear()
        self._shapes[tuple(row)] = tuple(self._heads[key] for key in row)
        return True

    def _prepare(self, now: int, runtime: int) -> None:
        """Keep ready what rows of one millisecond have in common."""
        self._now = now
        clock, time = repr(now), f"{max(runtime, 0):04}"  # a clock may be set back
        head, tail = _TIMESTAMP[len(clock) + 1], _RUNTIME[len(time) + 1]
        self._times = f"{head}{clock[:-3]}.{clock[-3:]}{tail}{time[:-3]}.{time[-3:]}"


def opened(record: bytes) -> bytes:
    """The record that `PlainRows.encode` made of a row, as one of a row that is still open."""
    body = record[2:] if record[1] < 128 else record[3:]
    return open_row(body if record[1] < 128 or record[2] < 128 else record[4:])


def heads_of(key: str) -> tuple[str, ...]:
    """What stands before a value of each length up to 30: tags and lengths of item and key.

    As text of one byte a character (Latin-1); ``key`` has at most 80 characters.
    """
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


_TIMESTAMP, _RUNTIME, _STEP = heads_of("_timestamp"), heads_of("_runtime"), heads_of("_step")
