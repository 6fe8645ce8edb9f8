"""Columns to Arrow and back, exactly: an int stays an int, NaN stays NaN, absent stays absent.

Owns which Arrow type carries which values, and the field metadata that says what the type
cannot (docs/formats/history-segments.md). Must not know where segments are kept.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from holdfast.records.values import dumps, loads
from holdfast.server.history.gather import Gathered, Path, key_of

__all__ = [
    "ABSENT",
    "column_numbers",
    "column_path",
    "decode_numbers",
    "decode_values",
    "encode_columns",
    "is_plain",
]

ABSENT: Any = object()
"""Stands where a row has no value for a key: None is a value."""

_PATH = b"holdfast.path"
_KIND = b"holdfast.kind"
_INTS = b"holdfast.ints"
# beyond this a double cannot say every int
_EXACT_INT = 1 << 53
_EXACT_DIGITS = 15
_INT = "^-?(0|[1-9][0-9]*)$"
_PLAIN = {
    frozenset({float}): pa.float64(),
    frozenset({int}): pa.int64(),
    frozenset({bool}): pa.bool_(),
    frozenset({str}): pa.string(),
}


def encode_columns(
    columns: Mapping[Path, Gathered], total: int, taken: Sequence[str]
) -> tuple[list[pa.Array], list[pa.Field]]:
    """One Arrow array and field for each column.

    Args:
        columns: by path.
        total: how many rows there are.
        taken: names that other columns of the table have.
    """
    names = set(taken)
    arrays, fields = [], []
    for path, column in columns.items():
        encoded = _encode(column)
        array = _spread(encoded.array, column.rows, total)
        name = _free_name(path, names)
        names.add(name)
        metadata = {}
        if encoded.json:
            metadata[_KIND] = b"json"
        if encoded.ints is not None:
            metadata[_INTS] = _bitmap(encoded.ints, column.rows, total)
        if path != (name,):
            metadata[_PATH] = json.dumps(path).encode()
        arrays.append(array)
        fields.append(pa.field(name, array.type, metadata=metadata or None))
    return arrays, fields


def column_path(field: pa.Field) -> Path:
    """The path of the values in a column that `encode_columns` made."""
    metadata = field.metadata or {}
    return tuple(json.loads(metadata[_PATH])) if _PATH in metadata else (field.name,)


def is_plain(field: pa.Field) -> bool:
    """Whether the name and the type of a column say all of it: no level, no JSON as text."""
    return column_path(field) == (field.name,) and _KIND not in (field.metadata or {})


def decode_values(array: pa.Array, field: pa.Field, start: int = 0) -> list[Any]:
    """The values of a column as they were logged; `ABSENT` where there is none.

    Args:
        array: the column, or a slice of it.
        field: its field in the segment's schema.
        start: the index in the segment of the slice's first row.
    """
    metadata = field.metadata or {}
    values: list[Any] = array.to_pylist()
    if metadata.get(_KIND) == b"json":
        return [ABSENT if text is None else loads(text) for text in values]
    if array.null_count:
        values = [ABSENT if value is None else value for value in values]
    if _INTS in metadata:
        for index in _int_rows(metadata[_INTS], start, len(values)):
            values[index] = int(values[index])
    return values


def decode_numbers(
    array: pa.Array, field: pa.Field
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers of a column, NaN where there is none, and where there is one."""
    metadata = field.metadata or {}
    if metadata.get(_KIND) == b"json":
        return _numbers_of([ABSENT if t is None else loads(t) for t in array.to_pylist()])
    if pa.types.is_string(array.type):
        return np.full(len(array), np.nan), np.zeros(len(array), dtype=np.bool_)
    present = array.is_valid().to_numpy(zero_copy_only=False)
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values, present


def column_numbers(column: Gathered) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The same for the values of a column, in their order there."""
    if column.tokens:
        try:
            return _token_numbers(column.values), np.ones(len(column.values), dtype=np.bool_)
        except pa.ArrowInvalid:
            pass  # as in _encode
    return _numbers_of(column.plain())


def _numbers_of(values: Sequence[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    present = np.fromiter(
        (type(v) in (int, float, bool) for v in values), dtype=np.bool_, count=len(values)
    )
    numbers = np.fromiter(
        (_float(v) if there else np.nan for v, there in zip(values, present, strict=True)),
        dtype=np.float64,
        count=len(values),
    )
    return numbers, present


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an int beyond all doubles
        return np.inf if value > 0 else -np.inf


class _Encoded(NamedTuple):
    """A column's values as an array; with ``ints`` where the doubles were ints."""

    array: pa.Array
    json: bool = False
    ints: NDArray[np.bool_] | None = None


def _encode(column: Gathered) -> _Encoded:
    if column.tokens:
        try:
            return _encode_tokens(column.values)
        except pa.ArrowInvalid:
            pass  # a number beyond 64 bits, or none at all: Python will tell
    values = column.plain()
    types = frozenset(map(type, values))
    try:
        if types in _PLAIN:
            return _Encoded(pa.array(values, _PLAIN[types]))
    except (OverflowError, UnicodeEncodeError, pa.ArrowInvalid):
        pass  # an int beyond 64 bits, half a surrogate pair: extended JSON says them
    if types == {int, float} and all(
        -_EXACT_INT <= value <= _EXACT_INT for value in values if type(value) is int
    ):
        ints = np.fromiter((type(v) is int for v in values), dtype=np.bool_, count=len(values))
        return _Encoded(pa.array(list(map(float, values)), pa.float64()), ints=ints)
    return _Encoded(pa.array([dumps(value) for value in values], pa.string()), json=True)


def _encode_tokens(tokens: Sequence[bytes]) -> _Encoded:
    """Raises pa.ArrowInvalid for a token that is no number, or beyond what its type can say."""
    texts, dots = _texts(tokens)
    if dots == len(tokens):  # nearly always: a number has one dot at most, so all are floats
        return _Encoded(texts.cast(pa.float64()))
    ints = pc.match_substring_regex(texts, _INT).to_numpy(zero_copy_only=False)
    if ints.all():
        return _Encoded(texts.cast(pa.int64()))
    if not ints.any():
        return _Encoded(texts.cast(pa.float64()))
    longest = max(len(token) for token, is_int in zip(tokens, ints, strict=True) if is_int)
    if longest > _EXACT_DIGITS:
        raise pa.ArrowInvalid("an int that a double may not say")
    return _Encoded(texts.cast(pa.float64()), ints=ints)


def _token_numbers(tokens: Sequence[bytes]) -> NDArray[np.float64]:
    """Tokens as doubles. Raises pa.ArrowInvalid as `_encode_tokens`."""
    found: NDArray[np.float64] = _texts(tokens)[0].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _texts(tokens: Sequence[bytes]) -> tuple[pa.Array, int]:
    """Tokens (ASCII) as an array of text, and how many dots there are in all of them."""
    data = b"".join(tokens)
    offsets = np.zeros(len(tokens) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, tokens), dtype=np.int32, count=len(tokens)), out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(tokens), buffers), data.count(b".")


def _spread(dense: pa.Array, rows: NDArray[np.int64] | None, total: int) -> pa.Array:
    """Put each value at its row, null elsewhere."""
    if rows is None:
        return dense
    source = np.zeros(total, dtype=np.int64)
    source[rows] = np.arange(len(rows), dtype=np.int64)
    absent = np.ones(total, dtype=np.bool_)
    absent[rows] = False
    return dense.take(pa.array(source, mask=absent))


def _bitmap(ints: NDArray[np.bool_], rows: NDArray[np.int64] | None, total: int) -> bytes:
    bits = np.zeros(total, dtype=np.bool_)
    bits[slice(None) if rows is None else rows] = ints
    return base64.b64encode(np.packbits(bits, bitorder="little").tobytes())


def _int_rows(bitmap: bytes, start: int, count: int) -> list[int]:
    packed = np.frombuffer(base64.b64decode(bitmap), dtype=np.uint8)
    bits = np.unpackbits(packed, bitorder="little")[start : start + count]
    rows: list[int] = np.flatnonzero(bits).tolist()
    return rows


def _free_name(path: Path, taken: set[str]) -> str:
    """A column name that no other column has: the key, if it is free and text can say it."""
    name = key_of(path).encode("utf-8", "replace").decode()
    if name in taken:
        name = name.replace(".", "\\.")
    while name in taken:
        name += "\\"
    return name
