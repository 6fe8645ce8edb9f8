"""The fast road for the rows of a training loop: a few names, numbers for values, step after step.

What `encode.HistoryEncoder` does for any row, this does for rows of numbers at half the cost:
the bytes that do not change from row to row are kept ready, one text for each length that a value
can have, and a function for each number of values. A row with anything else in it is handed back.
`_runtime` is told once a second by each kind of row, and by `_timestamp` and the ``runtime_since``
of the journal in between.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from holdfast.records.encode import open_row, varint

__all__ = ["PlainRows", "heads_of", "opened"]

#: longest text of a value that is made ready for: floats have up to 24 characters
_LONGEST = 30
_MAX_KEY = 80
#: names, and sets of names, for which bytes are kept ready
_MAX_READY = 1000
#: milliseconds in which rows with the same keys have one `_runtime` among them
_TOLD_EVERY = 1000
#: keys that this module, and not the caller, writes
_RESERVED = frozenset({"_timestamp", "_runtime", "_step"})
_CHAR = tuple(chr(number) for number in range(256))
#: values for which a function is made; more go through several
_AT_ONCE = 16

_Numbers = tuple[Any, ...]
_Heads = tuple[tuple[str, ...], ...]
_Joined = Callable[[_Numbers, _Heads, str], "str | None"]


class PlainRows:
    """Makes ``history`` records of rows of numbers. Use one for a whole run.

    Args:
        runtime_since: what the journal's ``run`` record says (see `encode.run`), Unix milliseconds.

    Attributes:
        names: keys of the row that was encoded last; one object for rows that follow each other.
        values: its values.
    """

    def __init__(self, runtime_since: int) -> None:
        self.names: tuple[str, ...] = ()
        self.values: _Numbers = ()
        self._runtime_since = runtime_since
        # Bytes are put together as text of one byte a character and encoded once, at the end.
        self._heads: dict[str, tuple[str, ...]] = {}
        # The sets of keys of which a row has told its `_runtime` since `_told_at`.
        self._shapes: dict[tuple[Any, ...], tuple[tuple[str, ...], _Heads, _Joined]] = {}
        self._told_at = self._now = -_TOLD_EVERY
        self._times = ""

    def encode(self, row: Mapping[Any, Any], step: int, now: int) -> bytes | None:
        """The record of a row; None for a row that `encode.HistoryEncoder` has to write.

        Args:
            row: names and values, without the step and the times.
            step: the row's number, not negative.
            now: milliseconds since the epoch.
        """
        if now != self._now:
            self._prepare(now)
        try:
            names, heads, joined = self._shapes[tuple(row)]
        except KeyError:  # names that did not come together since `_told_at`
            return self._encode_first(row, step) if self._learn(row) else None
        except TypeError:  # no dict at all
            return None
        number = f"{step!r}"
        try:
            values = tuple(row.values())
            body = joined(values, heads, f"{self._times}{_STEP[len(number)]}{number}")
        except (IndexError, OverflowError, ValueError, TypeError, AttributeError):
            return None  # an integer of many digits; or no dict, though it has names
        if body is None:
            return None
        self.names = names
        self.values = values
        size = len(body)
        if 128 <= size < 16384:
            return f"\x12{_CHAR[size & 127 | 128]}{_CHAR[size >> 7]}{body}".encode("latin-1")
        return f"\x12{_varint(size)}{body}".encode("latin-1")

    def _encode_first(self, row: Mapping[Any, Any], step: int) -> bytes | None:
        """The record of a row that tells its `_runtime`."""
        times = self._times
        time = f"{max(self._now - self._runtime_since, 0):04}"  # a clock may be set back
        self._times = f"{times}{_RUNTIME[len(time) + 1]}{time[:-3]}.{time[-3:]}"
        try:
            return self.encode(row, step, self._now)
        finally:
            self._times = times

    def _learn(self, row: Mapping[Any, Any]) -> bool:
        """Make ready for rows with these keys; False when some of them are not plain."""
        plain = (type(k) is str and len(k) <= _MAX_KEY and k not in _RESERVED for k in row)
        if not row or not all(plain):
            return False
        for ready in (self._heads, self._shapes):
            if len(ready) >= _MAX_READY:
                ready.clear()
        for key in row:
            if key not in self._heads:
                self._heads[key] = heads_of(key)
        names = tuple(row)
        heads = tuple(self._heads[key] for key in names)
        self._shapes[names] = names, heads, _joined_of(len(names))
        return True

    def _prepare(self, now: int) -> None:
        """Keep ready what rows of one millisecond have in common."""
        self._now = now
        if not 0 <= now - self._told_at < _TOLD_EVERY:
            self._told_at = now
            self._shapes.clear()
        clock = repr(now)
        self._times = f"{_TIMESTAMP[len(clock) + 1]}{clock[:-3]}.{clock[-3:]}"


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


@functools.cache
def _joined_of(count: int) -> _Joined:
    """What joins the items of ``count`` numbers, and a text behind them; None when one is none.

    The source is written for the count and executed, as the standard library does for named
    tuples: without a loop a row takes a sixth less.
    """
    if count > _AT_ONCE:
        return _joined_of_many
    each = range(count)
    numbers = " and ".join(f"(type(v{n}) is float or type(v{n}) is int)" for n in each)
    source = [
        "def joined(values, heads, behind):",
        f"    {''.join(f'v{n}, ' for n in each)} = values",
        f"    {''.join(f'h{n}, ' for n in each)} = heads",
        # A sum is finite only if all of it is: one call for all values.
        f"    if not ({numbers} and isfinite({' + '.join(f'v{n}' for n in each)})):",
        "        return None",
        *(f"    t{n} = f'{{v{n}!r}}'" for n in each),
        f"    return f'{''.join(f'{{h{n}[len(t{n})]}}{{t{n}}}' for n in each)}{{behind}}'",
    ]
    made: dict[str, Any] = {"isfinite": isfinite}
    exec("\n".join(source), made)  # nothing goes into it but the count
    joined: _Joined = made["joined"]
    return joined


def _joined_of_many(values: _Numbers, heads: _Heads, behind: str) -> str | None:
    parts = []
    for begin in range(0, len(values), _AT_ONCE):
        some = values[begin : begin + _AT_ONCE]
        part = _joined_of(len(some))(some, heads[begin : begin + _AT_ONCE], "")
        if part is None:
            return None
        parts.append(part)
    return f"{''.join(parts)}{behind}"


def _varint(number: int) -> str:
    return varint(number).decode("latin-1")


_TIMESTAMP, _RUNTIME, _STEP = heads_of("_timestamp"), heads_of("_runtime"), heads_of("_step")
