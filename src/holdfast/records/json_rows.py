"""Rows that come as lines of JSON, to history records that hold their numbers as they were spelled.

This is what W&B's clients send a server. The keys of a line come in another order each time; here
they are sorted, so that rows that look alike look alike to `batch` too. Must not know how lines
arrive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from holdfast.records import encode
from holdfast.records.decode import as_step
from holdfast.records.plain_rows import heads_of
from holdfast.records.values import read_value

__all__ = ["JsonRow", "plain_values", "read_rows"]

#: a number as the bytes of its JSON; text stays `str`, so the two are told apart
_Token = bytes
_scan: Callable[[str, int], tuple[Any, int]] = vars(
    json.JSONDecoder(parse_float=str.encode, parse_int=str.encode, parse_constant=str.encode)
)["scan_once"]

_MAX_KEY = 80
_MAX_DEPTH = 32
_MAX_KEYS = 512
_MAX_SHAPES = 256
_ONLY_NUMBERS = frozenset({_Token})


class JsonRow(NamedTuple):
    """One row.

    ``record`` is its history record. ``values`` is the row as it was read, numbers as the bytes of
    their JSON (`plain_values` makes them numbers); ``step`` is None where the line names none.
    """

    record: bytes
    step: int | None
    values: dict[str, Any]


def read_rows(lines: Sequence[str]) -> list[JsonRow]:
    """The rows of lines of extended JSON, one object a line.

    Raises:
        ValueError: a line is none; it says which.

    Example:
        >>> read_rows(['{"loss": 1e-5, "_step": 3}'])[0].step
        3
    """
    rows = []
    shape: _Shape | None = None
    for number, line in enumerate(map(str.strip, lines)):
        try:
            values, end = _scan(line, 0)
            if end != len(line) or type(values) is not dict:
                raise ValueError("no JSON object")
            if shape is None or not shape.fits(values):
                shape = _shape_of(values)
            record = None if shape is None else shape.record(values)
            if record is None:
                record = encode.history(_items(values))
        except (ValueError, StopIteration, RecursionError) as error:
            raise ValueError(f"line {number} is no JSON object: {line[:80]!r}") from error
        rows.append(JsonRow(record, _step(values.get("_step")), values))
    return rows


def plain_values(value: Any) -> Any:
    """A value of `JsonRow.values` with its numbers as numbers, at any depth."""
    kind = type(value)
    if kind is _Token:
        return read_value(value.decode())
    if kind is dict:
        return {key: plain_values(inner) for key, inner in value.items()}
    if kind is list:
        return [plain_values(inner) for inner in value]
    return value


def _step(token: Any) -> int | None:
    if type(token) is not _Token:
        return None
    try:
        return as_step(int(token))
    except ValueError:
        return as_step(read_value(token.decode()))


class _Shape:
    """Rows of numbers with certain keys: what stands before each value is kept ready."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._count = len(keys)
        self._get = itemgetter(*keys)
        self._heads = [tuple(head.encode("latin-1") for head in heads_of(key)) for key in keys]

    def fits(self, values: dict[str, Any]) -> bool:
        """Whether a row has exactly these keys."""
        try:
            return len(values) == self._count and self._get(values) is not None
        except KeyError:
            return False

    def record(self, values: dict[str, Any]) -> bytes | None:
        """The record of a row that fits; None when not all of it are short numbers."""
        tokens = self._get(values)
        try:
            pairs = zip(self._heads, tokens)  # noqa: B905  `strict` costs a tenth of all this
            body = b"".join([heads[len(token)] + token for heads, token in pairs])
        except (TypeError, IndexError):  # text, a list, nothing; a number of many digits
            return None
        size = len(body)
        if size < 128:
            return bytes((0x12, size)) + body
        if size < 16384:
            return bytes((0x12, size & 127 | 128, size >> 7)) + body
        return None


_shapes: dict[frozenset[str], _Shape | None] = {}


def _shape_of(values: dict[str, Any]) -> _Shape | None:
    keys = frozenset(values)
    if keys not in _shapes:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        plain = 1 < len(keys) <= _MAX_KEYS and all(0 < len(key) <= _MAX_KEY for key in keys)
        _shapes[keys] = _Shape(sorted(keys)) if plain else None
    return _shapes[keys]


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
