"""W&B's language of filters, after MongoDB's, and its orders of runs.

Owns what an operator means. A condition is put to all runs at once, so that a pattern is compiled
once. Must not know what a run says or which pages are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.errors import UsageError
from holdfast.server.gateway.times import iso, seconds_of
from holdfast.server.gateway.words import EMPTY, MISSING, column, is_time
from holdfast.server.history import matches
from holdfast.server.query import RunEntry
from holdfast.server.query.entry import in_order

__all__ = ["chosen", "ordered"]

_MAX_DEPTH = 20
_MAX_CONDITIONS = 1000

_Runs = Sequence[RunEntry]
_Values = Sequence[Any]
_Answers = list[bool]


def chosen(entries: _Runs, filters: str | None) -> list[RunEntry]:
    """The runs that a filter, as JSON, lets through; all without one.

    Raises:
        UsageError: it is no filter, or has an operator or a field that there is not.
    """
    if not filters:
        return list(entries)
    try:
        said = json.loads(filters)
    except (ValueError, RecursionError) as error:
        raise UsageError("the filters are not JSON", "send an object") from error
    if said is None:
        return list(entries)
    answers = _Filter(entries).every(said, 0)
    return [entry for entry, passes in zip(entries, answers, strict=True) if passes]


def ordered(entries: _Runs, order: str | None) -> list[RunEntry]:
    """The runs by a column: ``+created_at`` (or without a sign) ascending, ``-…`` descending.

    Raises:
        UsageError: runs have no such column.
    """
    name = (order or "").strip() or "+created_at"
    get = column(name.lstrip("+-"))

    def value(entry: RunEntry) -> Any:
        found = get(entry)
        return None if found is MISSING or found is EMPTY else found

    return in_order(entries, value, name.startswith("-"))


class _Filter:
    """One filter, put to some runs."""

    def __init__(self, entries: _Runs) -> None:
        self._entries = entries
        self._conditions = 0

    def every(self, said: Any, depth: int) -> _Answers:
        """Which runs fulfil all of an object's conditions."""
        if not isinstance(said, dict):
            raise UsageError(f"a filter is an object, not {said!r:.80}", 'write {"field": value}')
        if depth > _MAX_DEPTH:
            raise UsageError(f"filters of more than {_MAX_DEPTH} levels", "make it flatter")
        answers = [True] * len(self._entries)
        for name, condition in said.items():
            self._conditions += 1
            if self._conditions > _MAX_CONDITIONS:
                raise UsageError(f"more than {_MAX_CONDITIONS} conditions", "use $in")
            more = self._one(name, condition, depth)
            answers = [a and b for a, b in zip(answers, more, strict=True)]
        return answers

    def _one(self, name: str, condition: Any, depth: int) -> _Answers:
        if name in {"$and", "$or", "$nor"}:
            return self._joined(name, condition, depth)
        if name == "$not":
            return [not passes for passes in self.every(condition, depth + 1)]
        if name.startswith("$"):
            raise UsageError(f"there is no {name} at this place", "use $and, $or, $nor or a field")
        get = column(name)
        values = [get(entry) for entry in self._entries]
        return _field(values, condition, is_time(name))

    def _joined(self, name: str, conditions: Any, depth: int) -> _Answers:
        if not isinstance(conditions, list):
            raise UsageError(f"{name} takes a list", f'write {{"{name}": [{{…}}, {{…}}]}}')
        answers = [self.every(one, depth + 1) for one in conditions]
        if name == "$and":
            return [all(row) for row in zip(*answers, strict=True)] or [True] * len(self._entries)
        some = [any(row) for row in zip(*answers, strict=True)] or [False] * len(self._entries)
        return some if name == "$or" else [not one for one in some]


def _field(values: _Values, condition: Any, times: bool) -> _Answers:
    """Which values fulfil the condition on one field."""
    if not (isinstance(condition, dict) and any(key.startswith("$") for key in condition)):
        condition = {"$eq": condition}
    answers = [True] * len(values)
    for name, operand in condition.items():
        more = _operator(name, operand, values, condition, times)
        answers = [a and b for a, b in zip(answers, more, strict=True)]
    return answers


def _operator(
    name: str, operand: Any, values: _Values, condition: dict[str, Any], times: bool
) -> _Answers:
    if name == "$options":
        return [True] * len(values)  # a word about the $regex beside it
    if name == "$regex":
        ignore_case = "i" in str(condition.get("$options", ""))
        return _searched(str(operand), values, ignore_case, times)
    if name == "$not":
        return [not passes for passes in _field(values, operand, times)]
    if name == "$exists":
        return [(value is not MISSING and value is not EMPTY) == bool(operand) for value in values]
    if name in {"$in", "$nin"}:
        if not isinstance(operand, list):
            raise UsageError(f"{name} takes a list", f'write {{"{name}": [1, 2]}}')
        wanted = [_operand(one, times) for one in operand]
        found = [_is_any(value, wanted) for value in values]
        return found if name == "$in" else [not one for one in found]
    if name in {"$eq", "$ne"}:
        wanted = [_operand(operand, times)]
        found = [_is_any(value, wanted) for value in values]
        return found if name == "$eq" else [not one for one in found]
    if name in _COMPARE:
        wanted_one, compare = _operand(operand, times), _COMPARE[name]
        return [_compares(value, wanted_one, compare) for value in values]
    raise UsageError(
        f"filters have no operator {name!r}",
        "use $and, $or, $nor, $not, $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $regex",
    )


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: bool(a > b),
    "$gte": lambda a, b: bool(a >= b),
    "$lt": lambda a, b: bool(a < b),
    "$lte": lambda a, b: bool(a <= b),
}


def _operand(value: Any, times: bool) -> Any:
    """What to compare with; a time as text becomes Unix seconds."""
    if not times or not isinstance(value, str):
        return value
    seconds = seconds_of(value)
    if seconds is None:
        raise UsageError(f"{value[:60]!r} is no time", "write it as 2024-01-31T12:00:00Z")
    return seconds


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
    return bool(value == wanted)


def _compares(value: Any, wanted: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if isinstance(value, list):
        return any(_compares(item, wanted, compare) for item in value)
    if isinstance(value, str) and isinstance(wanted, str):
        return compare(value, wanted)
    return _is_number(value) and _is_number(wanted) and compare(value, wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _searched(pattern: str, values: _Values, ignore_case: bool, times: bool) -> _Answers:
    texts: list[str] = []
    owners: list[int] = []
    for place, value in enumerate(values):
        for item in value if isinstance(value, list) else [value]:
            text = iso(item) if times and _is_number(item) else item
            if isinstance(text, str):
                texts.append(text)
                owners.append(place)
    answers = [False] * len(values)
    for owner, found in zip(owners, matches(pattern, texts, ignore_case=ignore_case), strict=True):
        answers[owner] = answers[owner] or found
    return answers
