"""What a value is at the moment it is logged: plain data, independent of the caller's object.

Owns the reading of other libraries' numbers, by what they can do and not by what they are. Must
not import any of those libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.records.values import key_text, plain

__all__ = ["SIMPLE", "merge", "settle", "settle_all"]

#: types whose values cannot change and that JSON says as they are
SIMPLE = frozenset({float, int, str, bool, type(None)})
_MAX_DEPTH = 30


def settle(value: Any) -> Any:
    """The value as plain data; never raises.

    Scalars of numpy, torch, jax and tensorflow, and arrays of one element, become Python numbers;
    dicts and lists become copies; the rest is as JSON gives it back (see `records.values.plain`).
    """
    if type(value) in SIMPLE:
        return value
    if isinstance(value, Mapping):
        return settle_all(value)
    try:
        number = _number(value)
    except Exception:  # noqa: BLE001  an object of the caller's may raise anything; `plain` copes
        number = None
    return plain(value) if number is None else number


def settle_all(values: Mapping[Any, Any], within: tuple[int, ...] = ()) -> dict[str, Any]:
    """`settle` for each value of a dict, keys as text.

    Args:
        values: the dict.
        within: the ids of the dicts around it.
    """
    if id(values) in within or len(within) > _MAX_DEPTH:  # a dict in itself, or as good as that
        return {"…": type(values).__name__}
    try:
        items = list(values.items())
    except Exception as error:  # noqa: BLE001  a mapping of the caller's may raise anything
        return {"…": f"{type(values).__name__}: {type(error).__name__}"}
    inside = (*within, id(values))
    return {
        key_text(key): value if type(value) in SIMPLE else _settle_in(value, inside)
        for key, value in items
    }


def merge(into: dict[str, Any], row: Mapping[str, Any]) -> None:
    """Update a row by another one, dicts inside it key by key; media objects are replaced."""
    for key, value in row.items():
        old = into.get(key)
        if type(value) is dict and type(old) is dict and "_type" not in value:
            merge(old, value)
        else:
            into[key] = value


def _settle_in(value: Any, within: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        return settle_all(value, within)
    return settle(value)


def _number(value: Any) -> Any:
    """The Python number of a foreign scalar or one-element array, None for anything else."""
    count = getattr(value, "numel", None) or getattr(value, "size", None)  # torch; numpy, jax
    if callable(count):
        count = count()
    if count is None and callable(getattr(value, "numpy", None)):  # tensorflow
        value = value.numpy()
        count = getattr(value, "size", None)
    if count is not None and count != 1:
        return None
    item = getattr(value, "item", None)
    made = item() if callable(item) else None
    return made if type(made) in SIMPLE else None
