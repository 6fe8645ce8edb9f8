"""Rows that come as lines of JSON, to history records that hold their numbers as they were spelled.

This is what W&B's clients send a server. The keys of a line come in another order each time; here
they are sorted, so that rows that look alike look alike to `batch` too. Must not know how lines
arrive.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
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
_Row = tuple[Any, ...]
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
    ``stamps`` what they say of their time (see `moment`). ``first`` is the first row as it was
    read, ``last`` has the last value of each key in any row; numbers in both are the bytes of
    their JSON (`plain_values` makes them numbers). ``batches`` are what `batch.batches` would make
    of those records that hold nothing but numbers and their step; of very many rows only the first.
    """

    records: list[bytes]
    batches: list[Spelled]
    steps: list[int | None]
    stamps: list[Any]
    first: dict[str, Any]
    last: dict[str, Any]

    def moment(self, place: int) -> float | None:
        """When a row was logged, in Unix seconds; None when its line says no time that can be."""
        stamp = self.stamps[place]
        moment = float(stamp) if type(stamp) is _Token else math.nan
        return moment if abs(moment) < _LATEST else None


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
    shape: _Shape | None = None
    rows: list[_Row] = []
    for values in _objects(lines):
        if not steps:
            values.pop(_STEP, None)
        row = None if shape is None else shape.row(values)
        if row is None or len(rows) == _GROUP:
            if shape is not None:
                _take_group(found, shape, rows)
            shape, rows = _shape_of(values), []
            row = shape.pick(values)
        rows.append(row)
    if shape is not None:
        _take_group(found, shape, rows)
    return found


def _objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What the lines hold, one at a time: kept, they would take more memory than anything else."""
    for number, line in enumerate(map(str.strip, lines)):
        try:
            values, end = _scan(line, 0)
            if end != len(line) or type(values) is not dict:
                raise ValueError("no JSON object")
        except (ValueError, StopIteration, RecursionError) as error:
            raise ValueError(f"line {number} is no JSON object: {line[:80]!r}") from error
        yield values


def _take_group(found: JsonRows, shape: _Shape, rows: Sequence[_Row]) -> None:
    """Add rows of one shape."""
    if not found.records:
        found.first.update(zip(shape.keys, rows[0], strict=True))
    found.last.update(zip(shape.keys, rows[-1], strict=True))
    columns = dict(zip(shape.keys, zip(*rows), strict=True))  # noqa: B905  one shape
    untold = [None] * len(rows)
    steps = _steps(columns.get(_STEP, untold))
    records = shape.records(columns.values())
    if records is None:
        records = [encode.history(_items(dict(zip(shape.keys, row, strict=True)))) for row in rows]
    elif None not in steps and len(found.records) < _MAX_KEPT:
        kept = {key: column for key, column in columns.items() if key != _STEP}
        found.batches.append(Spelled(tuple(kept), list(kept.values()), steps))
    found.records.extend(records)
    found.steps.extend(steps)
    found.stamps.extend(columns.get("_timestamp", untold))


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


class _Shape:
    """Rows with certain keys; what stands before each number is kept ready, if the keys are plain.

    Attributes:
        keys: in order.
        plain: they are few and short, and stand in a record as they are.
        pick: the values of these keys in their order.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        self.pick: Callable[[dict[str, Any]], _Row] = (
            itemgetter(*keys) if len(keys) > 1 else lambda row: tuple(row[key] for key in keys)
        )
        self.plain = 0 < len(keys) <= _MAX_KEYS and all(map(_is_plain, keys))
        self._heads = [
            tuple(head.encode("latin-1") for head in heads_of(key))
            for key in (keys if self.plain else ())
        ]

    def row(self, values: dict[str, Any]) -> _Row | None:
        """The values in the order of the keys; None when they have others."""
        if len(values) == len(self.keys):
            try:
                return self.pick(values)
            except KeyError:
                pass
        return None

    def records(self, columns: Iterable[Sequence[Any]]) -> list[bytes] | None:
        """Records of rows, given a column a key; None when not all are short numbers."""
        if not self.plain:
            return None
        parts: list[Sequence[bytes]] = []
        try:
            for heads, tokens in zip(self._heads, columns, strict=True):
                parts += [heads[len(token)] for token in tokens], tokens
            return [_head(len(body)) + body for body in map(b"".join, zip(*parts))]  # noqa: B905
        except (TypeError, IndexError):  # text, a list, nothing; a number of many digits
            return None


@lru_cache(1024)
def _head(size: int) -> bytes:
    """What stands before the body of a row of ``size`` bytes."""
    return b"\x12" + encode.varint(size)


_shapes: dict[frozenset[str], _Shape] = {}


def _shape_of(values: dict[str, Any]) -> _Shape:
    keys = frozenset(values)
    shape = _shapes.get(keys)
    if shape is None:
        shape = _Shape(sorted(keys))
        if shape.plain:
            if len(_shapes) >= _MAX_SHAPES:
                _shapes.clear()
            _shapes[keys] = shape
    return shape


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
