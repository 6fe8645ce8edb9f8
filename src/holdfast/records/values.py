"""The value grammar: extended JSON, as W&B writes it, and what values become in it.

Extended JSON is JSON with the bare words NaN, Infinity and -Infinity, which is what Python's
`json` reads and writes. Strict JSON, for browsers, says them as ``{"$float": "NaN"}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["dumps", "flatten", "from_strict", "loads", "nest", "plain", "to_strict"]

_FLOAT_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MAX_DEPTH = 64


def dumps(value: Any) -> str:
    """Write a value as extended JSON. Never raises: what JSON cannot say becomes its ``repr``.

    Example:
        >>> dumps({"loss": float("nan"), "when": {1, 2}})
        '{"loss": NaN, "when": "{1, 2}"}'
    """
    try:
        return _ENCODE(value)
    except (TypeError, ValueError, RecursionError):  # odd keys, cycles, ints of 5,000 digits
        return json.dumps(_rebuild(value, 0))


def loads(text: str | bytes) -> Any:
    """Read extended JSON.

    Raises:
        ValueError: it is not.
    """
    return json.loads(text)


def plain(value: Any) -> Any:
    """The value as JSON would give it back: numpy and torch scalars become numbers, and so on."""
    kind = type(value)
    if kind is float or kind is int or kind is str or kind is bool or value is None:
        return value
    return loads(dumps(value))


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dicts to dotted keys: ``{"a": {"b": 1}}`` gives ``{"a.b": 1}``.

    A dict with ``_type`` (a media object) and an empty dict are values, not levels. When two
    paths give one dotted key, the later one has its dots escaped with a backslash.
    """
    flat: dict[str, Any] = {}
    for key, value in row.items():
        if type(value) is dict and value and "_type" not in value:
            _flatten_into(flat, (key,), value)
        else:
            flat[key] = value
    return flat


def _flatten_into(flat: dict[str, Any], path: tuple[str, ...], node: dict[str, Any]) -> None:
    for key, value in node.items():
        here = (*path, key)
        if type(value) is dict and value and "_type" not in value:
            _flatten_into(flat, here, value)
        else:
            name = ".".join(here)
            if name in flat:
                name = r"\.".join(here)
            flat[name] = value


def nest(target: dict[str, Any], path: list[str] | tuple[str, ...], value: Any) -> None:
    """Set ``target[path[0]][path[1]]… = value``, making the dicts on the way."""
    for part in path[:-1]:
        inner = target.get(part)
        if type(inner) is not dict:
            inner = target[part] = {}
        target = inner
    target[path[-1]] = value


def to_strict(value: Any) -> Any:
    """Replace numbers that strict JSON cannot say by ``{"$float": word}``, at any depth."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"$float": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {key: to_strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_strict(item) for item in value]
    return value


def from_strict(value: Any) -> Any:
    """Undo `to_strict`."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(word := value.get("$float"), str):
            return _FLOAT_WORDS.get(word, value)
        return {key: from_strict(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_strict(item) for item in value]
    return value


def _plain_or_repr(value: Any) -> Any:
    """What `json` cannot say: numbers and arrays of other libraries, then whatever has a repr."""
    if isinstance(value, Mapping):
        return dict(value)
    try:
        if hasattr(value, "tolist"):  # numpy scalars and arrays, torch tensors
            return value.tolist()
        if hasattr(value, "item"):  # other libraries' scalars
            return value.item()
        if hasattr(value, "isoformat"):  # dates and times
            return value.isoformat()
        if hasattr(value, "__fspath__"):
            return str(value)
        return repr(value)
    except Exception as error:  # noqa: BLE001  a user's object may raise anything; the row must live
        return f"<{type(value).__name__}: {type(error).__name__}>"


#: one encoder for all calls: `json.dumps` with options makes a new one each time
_ENCODE = json.JSONEncoder(default=_plain_or_repr).encode


def _rebuild(value: Any, depth: int) -> Any:
    """A copy that JSON can say for certain."""
    if isinstance(value, (str, float, bool)) or value is None:
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 4096 else hex(value)
    if depth > _MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _rebuild(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rebuild(item, depth + 1) for item in value]
    made = _plain_or_repr(value)
    return made if isinstance(made, str) else _rebuild(made, depth + 1)
