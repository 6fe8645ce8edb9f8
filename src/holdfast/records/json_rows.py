"""Rows that come as lines of JSON, to history records that hold their numbers as they were spelled.

This is what W&B's clients send a server. The keys of a line come in another order each time; here
they are sorted, so that rows that look alike look alike to `batch` too. Must not know how lines
arrive.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from holdfast.records import encode
from holdfast.records.batch import Spelled
from holdfast.records.decode import as_step
from holdfast.records.plain_rows import heads_of
from holdfast.records.values import read_value

__all__ = ["JsonRows", "plain_values", "read_rows"]

#: a number as the bytes of its JSON; text stays `str`, so the two are told apart
_Token = bytes
_scan: Callable[[str, int], tuple[Any, int]] = vars(
    json.JSONDecoder(parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode)
)["scan_once"]

_STEP = "_step"
_MAX_KEY = 80
_MAX_DEPTH = 32
_MAX_KEYS = 512
_MAX_SHAPES = 256
#: rows that are taken together: more would be faster by nothing, and hold memory
_GROUP = 500
_MAX_KEPT = 10_000
_LATEST = 1e12
_FAR = 2**62
_ONLY_TOKENS = frozenset({_Token})


class JsonRows(NamedTuple):
    """Rows in order, in columns: a million small objects would cost more than what is in them.

    ``records`` are their history records, ``steps`` their steps (None where a line names none),
    ``timestamps`` when they were logged (Unix seconds, None where a line does not say). ``first``
    is the first row as it was read, ``last`` has the last value of each key in any row; numbers in
    both are the bytes of their JSON (`plain_values` makes them numbers). ``batches`` are what
    `batch.batches` would make of those records that hold nothing but numbers and their step; of
    very many rows only the first.
    """

    records: list[bytes]
    batches: list[Spelled]
    steps: list[int | None]
    timestamps: list[float | None]
    first: dict[str, Any]
    last: dict[str, Any]


def read_rows(lines: Sequence[str], *, steps: bool = True) -> JsonRows:
    """The rows of lines of extended JSON, one object a line.

    Args:
        lines: one object each.
        steps: keep the steps that they name; without, each row follows the one before it.

    Raises:
        ValueError: a line is none; it says which.

    Example:
        >>> read_rows(['{"loss": 1e-5, "_step": 3}']).steps
        [3]
    """
    found = JsonRows([], [], [], [], {}, {})
    group: list[dict[str, Any]] = []
    for number, line in enumerate(map(str.strip, lines)):
        try:
            values, end = _scan(line, 0)
            if end != len(line) or type(values) is not dict:
                raise ValueError("no JSON object")
            if not steps:
                values.pop(_STEP, None)
            if group and (len(group) == _GROUP or values.keys() != group[0].keys()):
                _take_group(found, group)
                group = []
            group.append(values)
        except (ValueError, StopIteration, RecursionError) as error:
            raise ValueError(f"line {number} is no JSON object: {line[:80]!r}") from error
    if group:
        _take_group(found, group)
    return found


def _take_group(found: JsonRows, group: list[dict[str, Any]]) -> None:
    """Add rows with the same keys."""
    if not found.records:
        found.first.update(group[0])
    found.last.update(group[-1])
    steps = _steps([values.get(_STEP) for values in group])
    shape = _shape_of(group[0])
    made = None if shape is None else shape.made(group, steps)
    if made is None:
        records = [encode.history(_items(values)) for values in group]
    else:
        records, batch = made
        if None not in steps and len(found.records) < _MAX_KEPT:
            found.batches.append(batch)
    found.records.extend(records)
    found.steps.extend(steps)
    found.timestamps.extend(_moments([values.get("_timestamp") for values in group]))


def plain_values(value: Any) -> Any:
    """A value of `JsonRows` with its numbers as numbers, at any depth."""
    kind = type(value)
    if kind is _Token:
        return read_value(value.decode())
    if kind is dict:
        return {key: plain_values(inner) for key, inner in value.items()}
    if kind is list:
        return [plain_values(inner) for inner in value]
    return value


def _steps(tokens: Sequence[Any]) -> list[int | None]:
    if _ONLY_TOKENS.issuperset(map(type, tokens)):
        try:
            steps: list[Any] = list(map(int, tokens))
        except ValueError:  # spelled in another way, NaN for one
            return [_step(token) for token in tokens]
        if min(steps) > -_FAR and max(steps) < _FAR:
            return steps
    return [_step(token) for token in tokens]


def _step(token: Any) -> int | None:
    if type(token) is not _Token:
        return None
    try:
        return as_step(int(token))
    except ValueError:
        return as_step(read_value(token.decode()))


def _moments(tokens: Sequence[Any]) -> Sequence[float | None]:
    if _ONLY_TOKENS.issuperset(map(type, tokens)):
        moments = list(map(float, tokens))
        if math.isfinite(sum(moments)) and min(moments) > -_LATEST and max(moments) < _LATEST:
            return moments
    return [_moment(token) for token in tokens]


def _moment(token: Any) -> float | None:
    """A time in Unix seconds, if it can be one."""
    moment = float(token) if type(token) is _Token else math.nan
    return moment if abs(moment) < _LATEST else None


class _Shape:
    """Rows of numbers with certain keys: what stands before each value is kept ready."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._get = itemgetter(*keys)
        self._heads = [tuple(head.encode("latin-1") for head in heads_of(key)) for key in keys]

    def made(
        self, group: Sequence[dict[str, Any]], steps: list[int | None]
    ) -> tuple[list[bytes], Spelled] | None:
        """Records of rows with these keys, and a batch; None when not all are short numbers."""
        columns = list(zip(*map(self._get, group)))  # noqa: B905  the rows have the same keys
        try:
            items = [
                [heads[len(token)] + token for token in tokens]
                for heads, tokens in zip(self._heads, columns, strict=True)
            ]
        except (TypeError, IndexError):  # text, a list, nothing; a number of many digits
            return None
        records = [_framed(body) for body in map(b"".join, zip(*items))]  # noqa: B905  as above
        kept = dict(zip(self._keys, columns, strict=True))
        kept.pop(_STEP, None)
        return records, Spelled(tuple(kept), list(kept.values()), steps)


def _framed(body: bytes) -> bytes:
    """The record of a row with this body."""
    size = len(body)
    if size < 128:
        return bytes((0x12, size)) + body
    if size < 16384:
        return bytes((0x12, size & 127 | 128, size >> 7)) + body
    return bytes((0x12, size & 127 | 128, size >> 7 & 127 | 128, size >> 14)) + body


_shapes: dict[frozenset[str], _Shape | None] = {}


def _shape_of(values: dict[str, Any]) -> _Shape | None:
    keys = frozenset(values)
    if keys not in _shapes:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        plain = 1 < len(keys) <= _MAX_KEYS and all(map(_is_plain, keys))
        _shapes[keys] = _Shape(sorted(keys)) if plain else None
    return _shapes[keys]


def _is_plain(key: str) -> bool:
    """Whether a key is short, and stands in a record as it is."""
    return 0 < len(key) <= _MAX_KEY and key == key.encode("utf-8", "ignore").decode()


def _items(values: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
    """Paths and JSON text of a row: each dict that is not empty is a level."""
    items: list[tuple[tuple[str, ...], str]] = []
    _collect(items, (), values)
    return items


def _collect(
    items: list[tuple[tuple[str, ...], str]], above: tuple[str, ...], values: dict[str, Any]
) -> None:
    for key, value in sorted(values.items()):
        path = (*above, key)
        if type(value) is dict and value and len(path) < _MAX_DEPTH:
            _collect(items, path, value)
        else:
            items.append((path, _text(value)))


def _text(value: Any) -> str:
    """A value as JSON again, its numbers as they were spelled."""
    kind = type(value)
    if kind is _Token:
        return str(value, "ascii")
    if kind is list:
        return f"[{', '.join(map(_text, value))}]"
    if kind is dict:
        pairs = (f"{json.dumps(key)}: {_text(inner)}" for key, inner in value.items())
        return f"{{{', '.join(pairs)}}}"
    return json.dumps(value)
