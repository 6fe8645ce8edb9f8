"""Filters of W&B's public API: the part of MongoDB's query language that its users write.

Owns the operators. A filter is applied here, to the rows of a list, so that it means the same
whatever the server can search. Must not know where rows come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.records.times import must_be_seconds

__all__ = ["TIMES", "Filter", "compile_filter"]

_Row = Mapping[str, Any]
Filter = Callable[[_Row], bool]

TIMES = {
    "createdAt": "started_at",
    "created_at": "started_at",
    "heartbeatAt": "heard_at",
    "heartbeat_at": "heard_at",
}
"""Columns of times, by the names that W&B's users know; a run is created when it begins."""

_NAMES = {
    "display_name": "name",
    "displayName": "name",
    "name": "run_id",
    "id": "run_id",
    "jobType": "job_type",
    **TIMES,
    "username": "entity",
    "user": "entity",
}
_MISSING = object()


def compile_filter(filters: Mapping[str, Any] | None) -> Filter | None:
    """A function that says whether a row of a run list passes; None when all do.

    Args:
        filters: keys are columns (``state``, ``tags``, ``display_name``, ``config.lr``,
            ``summary_metrics.loss``), ``$and``, ``$or`` or ``$not``; values are what the column
            must equal, or operators: $eq $ne $gt $gte $lt $lte $in $nin $exists $regex $not. A
            time (``created_at``, ``heartbeat_at``) is Unix seconds or text in ISO 8601.

    Raises:
        UsageError: an operator is not one of these, or a time is none.

    >>> passes = compile_filter({"config.lr": {"$lt": 0.1}})
    >>> passes({"config": {"lr": 0.01}, "summary": {}})
    True
    """
    if not filters:
        return None
    if not isinstance(filters, Mapping):
        raise UsageError(f"{filters!r} is no filter", "write a dict of columns and values")
    return _all([_term(str(key), value) for key, value in filters.items()])


def _term(key: str, wanted: Any) -> Filter:
    if key in {"$and", "$or"}:
        parts = [compile_filter(part) or _anything for part in wanted]
        return _all(parts) if key == "$and" else lambda row: any(part(row) for part in parts)
    if key == "$not":
        inner = compile_filter(wanted) or _anything
        return lambda row: not inner(row)
    if key.startswith("$"):
        raise _unknown(key)
    if _NAMES.get(key, key) in TIMES.values():
        wanted = _as_seconds(wanted)
    if isinstance(wanted, Mapping) and any(str(name).startswith("$") for name in wanted):
        tests = [_operator(str(name), operand) for name, operand in wanted.items()]
    else:
        tests = [_operator("$eq", wanted)]
    column = _column(key)
    return lambda row: all(test(column(row)) for test in tests)


def _as_seconds(wanted: Any) -> Any:
    """The operand of a time, with Unix seconds for text, in operators and lists too."""
    if isinstance(wanted, Mapping):
        return {name: _as_seconds(value) for name, value in wanted.items()}
    if isinstance(wanted, list | tuple):
        return [_as_seconds(one) for one in wanted]
    return must_be_seconds(wanted) if isinstance(wanted, str) else wanted


def _column(key: str) -> Callable[[_Row], Any]:
    side, _, inner = key.partition(".")
    if side in {"config", "summary", "summary_metrics"} and inner:
        # W&B's own spelling of a config key ends in ".value".
        side = "config" if side == "config" else "summary"
        shorter = inner.removesuffix(".value") if side == "config" else inner
        return lambda row: _dig(row.get(side), inner, _dig(row.get(side), shorter, _MISSING))
    name = _NAMES.get(key, key)
    return lambda row: row.get(name, _MISSING)


def _dig(values: Any, key: str, default: Any) -> Any:
    """A value by a dotted key, whether dots are levels or part of a name."""
    if not isinstance(values, Mapping):
        return default
    if key in values:
        return values[key]
    head, dot, tail = key.partition(".")
    while dot:
        if isinstance(values.get(head), Mapping):
            found = _dig(values[head], tail, _MISSING)
            if found is not _MISSING:
                return found
        more, dot, tail = tail.partition(".")
        head = f"{head}.{more}"
    return default


def _operator(name: str, operand: Any) -> Callable[[Any], bool]:
    if name in _COMPARISONS:
        compare = _COMPARISONS[name]
        return lambda value: _compared(compare, value, operand)
    if name == "$eq":
        return lambda value: _equal(value, operand)
    if name == "$ne":
        return lambda value: not _equal(value, operand)
    if name in {"$in", "$nin"}:
        wanted = name == "$in"
        return lambda value: any(_equal(value, one) for one in operand) == wanted
    if name == "$exists":
        return lambda value: (value is not _MISSING) == bool(operand)
    if name == "$regex":
        pattern = re.compile(str(operand))
        return lambda value: isinstance(value, str) and pattern.search(value) is not None
    if name == "$not":
        inner = [_operator(str(key), value) for key, value in operand.items()]
        return lambda value: not all(test(value) for test in inner)
    raise _unknown(name)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: bool(a > b),
    "$gte": lambda a, b: bool(a >= b),
    "$lt": lambda a, b: bool(a < b),
    "$lte": lambda a, b: bool(a <= b),
}


def _compared(compare: Callable[[Any, Any], bool], value: Any, operand: Any) -> bool:
    try:
        return compare(value, operand)
    except TypeError:
        return False  # values without an order, a text and a number say, pass no comparison


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, list) and not isinstance(wanted, list):
        return wanted in value  # as in MongoDB: one of the tags
    if value is _MISSING:
        return wanted is None
    return bool(value == wanted)


def _all(parts: list[Filter]) -> Filter:
    return lambda row: all(part(row) for part in parts)


def _anything(row: _Row) -> bool:
    return True


def _unknown(name: str) -> UsageError:
    return UsageError(
        f"filters know no operator {name!r}",
        "use $eq $ne $gt $gte $lt $lte $in $nin $exists $regex $and $or $not",
    )
