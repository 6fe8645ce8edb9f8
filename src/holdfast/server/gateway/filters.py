"""W&B's language of filters, after MongoDB's, and its orders of runs.

Owns how conditions are joined and nested. A condition is put to all runs at once. Must not know
what a run says or which pages are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from holdfast.errors import UsageError
from holdfast.server.gateway.operators import (
    OPERATORS,
    Answers,
    Values,
    list_of,
    searched,
    told,
)
from holdfast.server.gateway.words import EMPTY, MISSING, column, is_time, within
from holdfast.server.query import RunEntry
from holdfast.server.query.entry import in_order

__all__ = ["chosen", "ordered"]

_MAX_DEPTH = 20
_MAX_CONDITIONS = 1000

_JOINS = frozenset({"$and", "$or", "$nor"})

_Runs = Sequence[RunEntry]
_Columns = Callable[[str], Callable[[Any], Any]]


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
    answers = _Filter(entries, column).every(said, 0)
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
    """One filter, put to some runs, or to some elements of lists.

    Args:
        things: what it is put to.
        columns: what gives a thing's value of the field of a name.
    """

    def __init__(self, things: Values, columns: _Columns) -> None:
        self._things = things
        self._columns = columns
        self._conditions = 0

    def every(self, said: Any, depth: int) -> Answers:
        """Which things fulfil all of an object's conditions."""
        if not isinstance(said, dict):
            raise UsageError(f"a filter is an object, not {said!r:.80}", 'write {"field": value}')
        _check(depth)
        answers = [True] * len(self._things)
        for name, condition in said.items():
            self._conditions += 1
            if self._conditions > _MAX_CONDITIONS:
                raise UsageError(f"more than {_MAX_CONDITIONS} conditions", "use $in")
            answers = _both(answers, self._one(name, condition, depth))
        return answers

    def _one(self, name: str, condition: Any, depth: int) -> Answers:
        if name in _JOINS:
            return self._joined(name, condition, depth)
        if name == "$not":
            return _none(self.every(condition, depth + 1))
        if name.startswith("$"):
            raise UsageError(f"there is no {name} at this place", "use $and, $or, $nor or a field")
        get = self._columns(name)
        return _field([get(thing) for thing in self._things], condition, is_time(name), depth)

    def _joined(self, name: str, conditions: Any, depth: int) -> Answers:
        if not isinstance(conditions, list):
            raise UsageError(f"{name} takes a list", f'write {{"{name}": [{{…}}, {{…}}]}}')
        answers = [self.every(one, depth + 1) for one in conditions]
        if name == "$and":
            return [all(row) for row in zip(*answers, strict=True)] or [True] * len(self._things)
        some = [any(row) for row in zip(*answers, strict=True)] or [False] * len(self._things)
        return some if name == "$or" else _none(some)


def _field(values: Values, condition: Any, times: bool, depth: int) -> Answers:
    """Which values fulfil the condition on one field."""
    _check(depth)
    if not _has_operators(condition):
        condition = {"$eq": condition}
    answers = [True] * len(values)
    for name, operand in condition.items():
        if name == "$options" and "$regex" in condition:
            continue
        if name == "$regex":
            more = searched(operand, condition.get("$options", ""), values, times)
        elif name in _NESTING:
            more = _NESTING[name](operand, values, times, depth + 1)
        elif name in OPERATORS:
            more = OPERATORS[name](operand, values, times)
        else:
            raise UsageError(
                f"filters have no operator {name!r}",
                f"use {', '.join([*OPERATORS, '$regex', *_NESTING])}",
            )
        answers = _both(answers, more)
    return answers


def _not(operand: Any, values: Values, times: bool, depth: int) -> Answers:
    if not _has_operators(operand):
        raise UsageError("$not takes a condition", 'write {"$not": {"$gt": 1}}, or use $ne')
    return _none(_field(values, operand, times, depth))


def _all(operand: Any, values: Values, times: bool, depth: int) -> Answers:
    """Values that are or have each of a list; none when the list is empty, as in MongoDB."""
    if len(list_of("$all", operand)) > _MAX_CONDITIONS:
        raise UsageError(f"$all of more than {_MAX_CONDITIONS}", "ask for fewer")
    answers = [bool(operand)] * len(values)
    for one in operand:
        answers = _both(answers, _field(values, one, times, depth))
    return answers


def _elements(operand: Any, values: Values, times: bool, depth: int) -> Answers:
    """Lists of which one element fulfils it all: operators, or conditions on its own fields."""
    if not isinstance(operand, dict):
        raise UsageError("$elemMatch takes an object", 'write {"$elemMatch": {"$gt": 1}}')
    lists = [value if isinstance(value, list) else [] for value in values]
    elements = [element for one in lists for element in one]
    owners = [place for place, one in enumerate(lists) for _ in one]
    if _has_operators(operand) and not _JOINS & operand.keys():
        passes = _field(elements, operand, times, depth)
    else:
        passes = _Filter(elements, _part).every(operand, depth)
    return told(owners, passes, len(values))


_NESTING: dict[str, Callable[[Any, Values, bool, int], Answers]] = {
    "$not": _not,
    "$all": _all,
    "$elemMatch": _elements,
}
"""Operators whose operand holds conditions."""


def _part(name: str) -> Callable[[Any], Any]:
    """What gives an element's value of a key, with dots."""
    return lambda element: within(element, name)


def _has_operators(condition: Any) -> bool:
    return isinstance(condition, dict) and any(key.startswith("$") for key in condition)


def _check(depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise UsageError(f"filters of more than {_MAX_DEPTH} levels", "make it flatter")


def _both(some: Answers, others: Answers) -> Answers:
    return [a and b for a, b in zip(some, others, strict=True)]


def _none(answers: Answers) -> Answers:
    return [not one for one in answers]
