"""Rows to columns: the values of each key, and which rows have one.

Works on whole batches of rows with the same keys, so that a long history costs no Python per
value. Must not know Parquet, SQL or HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.records.batch import Batch, number_values
from holdfast.records.values import dumps

__all__ = [
    "Gathered",
    "Path",
    "batch_kinds",
    "gather",
    "gather_rows",
    "key_of",
    "kinds",
    "merge_kinds",
    "row_kinds",
    "rows_of",
]

Path = tuple[str, ...]
"""Where a value stands in its row: one name a level of nesting."""


class _Part(NamedTuple):
    """Some values of a path, the index of the row of each, and whether they are tokens."""

    values: Sequence[Any]
    rows: NDArray[np.int64]
    tokens: bool


_Parts = dict[Path, list[_Part]]

_RANK = {"number": 4, "bool": 3, "text": 2, "json": 0}
_MEDIA_RANK = 1


@dataclass
class Gathered:
    """The values of one path, in any order, and the index of the row of each.

    ``rows`` is None when every row has a value and they stand in order. With ``tokens`` the
    values are numbers as the bytes of their JSON: a library turns those into a column five times
    as fast as Python makes objects of them.
    """

    values: Sequence[Any]
    rows: NDArray[np.int64] | None
    tokens: bool = False

    def plain(self) -> list[Any]:
        """The values as Python objects."""
        return number_values(self.values) if self.tokens else list(self.values)


def gather(batches: Sequence[Batch]) -> dict[Path, Gathered]:
    """The columns of a history, by path, without ``_step``."""
    parts: _Parts = {}
    others: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    total = 0
    for batch in batches:
        count = len(batch.steps)
        if batch.tokens:
            where = np.arange(total, total + count, dtype=np.int64)
            for index, key in enumerate(batch.keys):
                part = _Part(batch.columns[index], where, True)
                parts.setdefault((key,), []).append(part)
        else:
            others += rows_of(batch)
            numbers += range(total, total + count)
        total += count
    _collect(parts, (), others, np.array(numbers, dtype=np.int64))
    return {path: _joined(found, total) for path, found in parts.items()}


def gather_rows(rows: Sequence[Mapping[str, Any]]) -> dict[Path, Gathered]:
    """The columns of nested rows, by path. Dicts are levels, unless empty or with ``_type``.

    >>> gather_rows([{"a": {"b": 1}}, {"a": {"b": 2}}])[("a", "b")].values
    [1, 2]
    """
    parts: _Parts = {}
    _collect(parts, (), rows, np.arange(len(rows), dtype=np.int64))
    return {path: _joined(found, len(rows)) for path, found in parts.items()}


def batch_kinds(batches: Sequence[Batch]) -> dict[str, str]:
    """`kinds` of the columns of these rows, without making the columns where that is known."""
    found: dict[str, str] = {}
    for batch in batches:
        if batch.tokens:
            merge_kinds(found, dict.fromkeys(batch.keys, "number"))
    merge_kinds(found, kinds(gather([batch for batch in batches if not batch.tokens])))
    return found


def row_kinds(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """`kinds` of the columns of plain rows."""
    return kinds(gather_rows(rows))


def key_of(path: Path) -> str:
    """The key that users see: the names of a path with dots between them."""
    return ".".join(path)


def kinds(columns: Mapping[Path, Gathered]) -> dict[str, str]:
    """{key: kind} of all columns.

    A kind says what a column holds by its most telling values: number, bool, text, the ``_type``
    of a media value, json. With one number among its values a column is a number's, for a chart
    can show it.
    """
    found: dict[str, str] = {}
    for path, column in columns.items():
        merge_kinds(found, {key_of(path): _kind_of(column)})
    return found


def _kind_of(column: Gathered) -> str:
    if column.tokens:
        return "number"
    types = set(map(type, column.values))
    if int in types or float in types:
        return "number"
    if bool in types:
        return "bool"
    if str in types:
        return "text"
    if dict in types:
        medium = next((v.get("_type") for v in column.values if type(v) is dict), None)
        if isinstance(medium, str) and medium:
            return medium
    return "json"


def merge_kinds(into: dict[str, str], more: Mapping[str, str]) -> None:
    """Add the kinds of ``more``; where both know a key, the more telling kind stays."""
    for key, kind in more.items():
        known = into.get(key)
        if known is None or _rank(kind) > _rank(known):
            into[key] = kind


def _rank(kind: str) -> int:
    return _RANK.get(kind, _MEDIA_RANK)


def rows_of(batch: Batch) -> list[dict[str, Any]]:
    """The rows of a batch, nested as logged, without ``_step``."""
    if not batch.keys:
        return [{} for _ in batch.steps]
    columns = [batch.values(index) for index in range(len(batch.keys))]
    return [dict(zip(batch.keys, row, strict=True)) for row in zip(*columns, strict=True)]


def _collect(
    parts: _Parts,
    above: Path,
    rows: Sequence[Mapping[str, Any]],
    numbers: NDArray[np.int64],
) -> None:
    for keys, members in _same_keys(rows):
        chosen = rows if members is None else [rows[n] for n in members]
        where = numbers if members is None else numbers[members]
        for key, values in _transposed(keys, chosen):
            if dict in set(map(type, values)):
                _split(parts, (*above, key), values, where)
            else:
                parts.setdefault((*above, key), []).append(_Part(values, where, False))


def _same_keys(
    rows: Sequence[Mapping[str, Any]],
) -> Iterable[tuple[list[str], list[int] | None]]:
    """Groups of rows with the same keys, as (keys, indices); None means all rows.

    The order of keys differs from row to row in logs that W&B's Go writer made, so sets.
    """
    shapes: dict[frozenset[str], list[int]] = {}
    for index, shape in enumerate(map(frozenset, rows)):
        shapes.setdefault(shape, []).append(index)
    if len(shapes) == 1:
        yield list(rows[0]), None
        return
    for members in shapes.values():
        yield list(rows[members[0]]), members


def _transposed(
    keys: list[str], rows: Sequence[Mapping[str, Any]]
) -> Iterable[tuple[str, list[Any]]]:
    if len(keys) == 1:
        yield keys[0], [row[keys[0]] for row in rows]
    elif keys:
        for key, values in zip(keys, zip(*map(itemgetter(*keys), rows), strict=True), strict=True):
            yield key, list(values)


def _split(
    parts: _Parts,
    path: Path,
    values: list[Any],
    where: NDArray[np.int64],
) -> None:
    """Tell the dicts that are levels from the values, and go down into the former."""
    level = [type(v) is dict and bool(v) and "_type" not in v for v in values]
    inner = np.fromiter(level, dtype=np.bool_, count=len(level))
    if inner.any():
        deeper = [value for value, down in zip(values, level, strict=True) if down]
        _collect(parts, path, deeper, where[inner])
    if not inner.all():
        leaves = [value for value, down in zip(values, level, strict=True) if not down]
        parts.setdefault(path, []).append(_Part(leaves, where[~inner], False))


def _joined(found: Sequence[_Part], total: int) -> Gathered:
    if len(found) == 1:
        part = found[0]
        whole = len(part.values) == total
        return Gathered(part.values, None if whole else part.rows, part.tokens)
    tokens = _all_tokens(found)
    values: list[Any] = []
    for part in found:
        if part.tokens == tokens:
            values += part.values
        else:
            values += [_token(v) for v in part.values] if tokens else number_values(part.values)
    return Gathered(values, np.concatenate([part.rows for part in found]), tokens)


def _all_tokens(found: Sequence[_Part]) -> bool:
    """Whether the parts can all be tokens: what is not one yet is a few plain numbers."""
    others = [value for part in found if not part.tokens for value in part.values]
    total = sum(len(part.values) for part in found)
    return 4 * len(others) < total and {int, float}.issuperset(map(type, others))


def _token(value: float) -> bytes:
    return dumps(value).encode()
