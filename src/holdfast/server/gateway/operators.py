"""What the operators of a filter say of values, after MongoDB's.

Owns the operators whose operand holds no further condition. An operator is put to the values of
all runs at once, so that a pattern is compiled once. Must not know where values come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.errors import UsageError
from holdfast.records.times import iso, must_be_seconds
from holdfast.server.gateway.words import EMPTY, MISSING
from holdfast.server.history import matches

__all__ = ["OPERATORS", "Answers", "Values", "list_of", "searched", "told"]

Values = Sequence[Any]
Answers = list[bool]

_Operator = Callable[[Any, Values, bool], Answers]
_OPTIONS = frozenset("ims")


def told(owners: Sequence[int], passes: Answers, count: int) -> Answers:
    """For each of some values whether one of its elements passes.

    Args:
        owners: of each element the place of its value.
        passes: of each element whether it passes.
        count: how many values there are.
    """
    answers = [False] * count
    for owner, one in zip(owners, passes, strict=True):
        answers[owner] = answers[owner] or one
    return answers


def list_of(name: str, operand: Any) -> list[Any]:
    """An operand that must be a list.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(operand, list):
        raise UsageError(f"{name} takes a list", f'write {{"{name}": [1, 2]}}')
    return operand


def searched(pattern: Any, options: Any, values: Values, times: bool) -> Answers:
    """``$regex``, with its ``$options``.

    Raises:
        UsageError: it is no pattern, or has an option that RE2 has not.
    """
    if not isinstance(pattern, str):
        raise UsageError("$regex takes a pattern as text", 'write {"$regex": "^run"}')
    if not isinstance(options, str) or set(options) - _OPTIONS:
        raise UsageError(f"$regex has no $options {options!r:.40}", "use those of i, m and s")
    owners, texts = _texts(values, times)
    return told(owners, matches(pattern, texts, flags=options), len(values))


def _contains(operand: Any, values: Values, times: bool) -> Answers:
    """W&B's own: the text is somewhere in the value, or in an element of it."""
    if not isinstance(operand, str):
        raise UsageError("$contains takes a text", 'write {"$contains": "run"}')
    owners, texts = _texts(values, times)
    return told(owners, [operand in text for text in texts], len(values))


def _texts(values: Values, times: bool) -> tuple[list[int], list[str]]:
    """The texts among values and their elements, and the place of the value of each."""
    owners, texts = [], []
    for place, value in enumerate(values):
        for item in value if isinstance(value, list) else [value]:
            text = iso(item) if times and _is_number(item) else item
            if isinstance(text, str):
                owners.append(place)
                texts.append(text)
    return owners, texts


def _equal(operand: Any, values: Values, times: bool) -> Answers:
    return _among([operand], values, times)


def _not_equal(operand: Any, values: Values, times: bool) -> Answers:
    return [not one for one in _equal(operand, values, times)]


def _in(operand: Any, values: Values, times: bool) -> Answers:
    return _among(list_of("$in", operand), values, times)


def _not_in(operand: Any, values: Values, times: bool) -> Answers:
    return [not one for one in _among(list_of("$nin", operand), values, times)]


def _among(operand: list[Any], values: Values, times: bool) -> Answers:
    wanted = [_operand(one, times) for one in operand]
    return [_is_any(value, wanted) for value in values]


def _exists(operand: Any, values: Values, times: bool) -> Answers:
    del times
    if operand not in (True, False):
        raise UsageError("$exists takes true or false", 'write {"$exists": true}')
    return [(value is not MISSING and value is not EMPTY) == operand for value in values]


def _size(operand: Any, values: Values, times: bool) -> Answers:
    del times
    if not isinstance(operand, int) or isinstance(operand, bool) or operand < 0:
        raise UsageError("$size takes a number of elements", 'write {"$size": 2}')
    lists = [[] if value is EMPTY else value for value in values]
    return [isinstance(value, list) and len(value) == operand for value in lists]


def _mod(operand: Any, values: Values, times: bool) -> Answers:
    """``[divisor, remainder]``; what stands behind the point is cut off, as in MongoDB."""
    del times
    numbers = list_of("$mod", operand)
    if len(numbers) != 2 or not all(map(_is_finite, numbers)) or int(numbers[0]) == 0:
        raise UsageError("$mod takes a divisor and a remainder", 'write {"$mod": [10, 0]}')
    divisor, remainder = map(int, numbers)

    def passes(value: Any) -> bool:
        if isinstance(value, list):
            return any(map(passes, value))
        if not _is_finite(value):
            return False
        rest = abs(int(value)) % abs(divisor)
        return (rest if value >= 0 else -rest) == remainder

    return [passes(value) for value in values]


def _type(operand: Any, values: Values, times: bool) -> Answers:
    """By name or by MongoDB's number, one or several; a list has its own type and its elements'."""
    asked = operand if isinstance(operand, list) else [operand]
    wanted: set[str] = set()
    for one in asked:
        named = _TYPES.get(one) if isinstance(one, str) or type(one) is int else None
        if named is None:
            raise UsageError(f"$type knows no type {one!r:.40}", f"use {', '.join(_TYPE_NAMES)}")
        wanted |= named

    def passes(value: Any) -> bool:
        kind = "date" if times and _is_number(value) else _kind(value)
        return kind in wanted or (isinstance(value, list) and any(map(passes, value)))

    return [passes(value) for value in values]


def _kind(value: Any) -> str:
    """The type of a value in MongoDB's words; empty for one that is not there."""
    if value is MISSING:
        return ""
    if value is None or value is EMPTY:
        return "null"
    kinds = {bool: "bool", int: "int", float: "double", str: "string", list: "array"}
    return kinds.get(type(value), "object")


_TYPE_NAMES = (
    "double",
    "string",
    "object",
    "array",
    "bool",
    "date",
    "null",
    "int",
    "long",
    "number",
)
_TYPES: dict[str | int, set[str]] = {
    **{name: {name} for name in _TYPE_NAMES},
    "long": {"int"},
    "number": {"int", "double"},
    1: {"double"},
    2: {"string"},
    3: {"object"},
    4: {"array"},
    8: {"bool"},
    9: {"date"},
    10: {"null"},
    16: {"int"},
    18: {"int"},
}
"""What a name or a number of MongoDB's stands for; whole numbers are of one type here."""


def _comparing(compare: Callable[[Any, Any], bool]) -> _Operator:
    def put(operand: Any, values: Values, times: bool) -> Answers:
        wanted = _operand(operand, times)
        return [_compares(value, wanted, compare) for value in values]

    return put


OPERATORS: dict[str, _Operator] = {
    "$eq": _equal,
    "$ne": _not_equal,
    "$gt": _comparing(lambda a, b: bool(a > b)),
    "$gte": _comparing(lambda a, b: bool(a >= b)),
    "$lt": _comparing(lambda a, b: bool(a < b)),
    "$lte": _comparing(lambda a, b: bool(a <= b)),
    "$in": _in,
    "$nin": _not_in,
    "$exists": _exists,
    "$contains": _contains,
    "$size": _size,
    "$mod": _mod,
    "$type": _type,
}
"""Each says which values fulfil it: the operand, the values, and whether these are times.

They raise `UsageError` when the operand is none of theirs.
"""


def _operand(value: Any, times: bool) -> Any:
    """What to compare with; a time as text becomes Unix seconds."""
    return must_be_seconds(value) if times and isinstance(value, str) else value


def _is_any(value: Any, wanted: Sequence[Any]) -> bool:
    """Whether a value, or an element of it if it is a list, is one of those."""
    if any(_is(value, one) for one in wanted):
        return True
    return isinstance(value, list) and any(_is(item, one) for item in value for one in wanted)


def _is(value: Any, wanted: Any) -> bool:
    if value is MISSING:
        return wanted is None
    if value is EMPTY:
        return wanted in (None, "", [])
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if _is_number(value) and value != value:
        return _is_number(wanted) and wanted != wanted
    return bool(value == wanted)


def _compares(value: Any, wanted: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(value, list):
        return any(_compares(item, wanted, compare) for item in value)
    if isinstance(value, str) and isinstance(wanted, str):
        return compare(value, wanted)
    return _is_number(value) and _is_number(wanted) and compare(value, wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or math.isfinite(value))
