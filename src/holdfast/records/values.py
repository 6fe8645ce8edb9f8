"""The value grammar: extended JSON, as W&B writes it, and what values become in it.

Extended JSON is JSON with the bare words NaN, Infinity and -Infinity, which is what Python's
`json` reads and writes. Strict JSON, for browsers, says them as ``{"$float": "NaN"}``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = [
    "dumps",
    "flatten",
    "from_strict",
    "is_ordered",
    "key_text",
    "loads",
    "nest",
    "plain",
    "read_value",
    "to_strict",
]

_FLOAT_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
#: levels of lists and dicts that a value may have; readers of a value may go down it recursively
_MAX_DEPTH = 64
_BEYOND_FLOATS = 1 << 1023


def dumps(value: Any) -> str:
    """Write a value as extended JSON. Never raises: what JSON cannot say becomes its ``repr``.

    Example:
        >>> dumps({"loss": float("nan"), "when": {1, 2}})
        '{"loss": NaN, "when": "{1, 2}"}'
    """
    try:
        return _ENCODE(value)
    except Exception:  # noqa: BLE001  odd keys, cycles, and whatever a user's object may raise
        pass  # said with more care below
    try:
        return json.dumps(_rebuild(value, []))
    except Exception as error:  # noqa: BLE001  such a row must live too
        return json.dumps(_name_of(value, error))


def loads(text: str | bytes) -> Any:
    """Read extended JSON.

    Raises:
        ValueError: it is not.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("too many levels") from None


def is_ordered(value: Any) -> bool:
    """Whether there is an order and a mean with it: no NaN, no integer beyond all floats.

    Example:
        >>> is_ordered(1), is_ordered(float("nan")), is_ordered(True)
        (True, False, False)
    """
    if type(value) is int:
        return abs(value) < _BEYOND_FLOATS
    return type(value) is float and value == value


def read_value(text: str) -> Any:
    """The value that a record holds as extended JSON.

    What is no JSON stays text, and so does what has more than 64 levels: whoever reads values may
    go down them recursively.
    """
    try:
        value, end = _SCAN(text, 0)
    except (StopIteration, ValueError, RecursionError):
        end = -1
    if end != len(text):  # spaces around it, or no JSON
        try:
            value = loads(text)
        except ValueError:
            return text
    return text if type(value) in (list, dict) and _is_deep(value, text) else value


#: what `json.loads` calls in the end; a value is read for each number of a row
_SCAN: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder())["scan_once"]


def _is_deep(value: Any, text: str) -> bool:
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for node in level
            for inner in (node.values() if type(node) is dict else node)
            if type(inner) in (list, dict)
        ]
    return bool(level)


def key_text(key: Any) -> str:
    """A key as text; the members of an enum of strings by their values, as JSON has them."""
    if type(key) is str:
        return key
    try:
        return str.__str__(key) if isinstance(key, str) else str(key)
    except Exception as error:  # noqa: BLE001  as for values
        return _name_of(key, error)


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
        elif key in flat:
            flat[_other_name(flat, key)] = value
        else:
            flat[key] = value
    return flat


def _other_name(flat: dict[str, Any], name: str) -> str:
    while name in flat:
        name = name.replace(".", r"\.")
    return name


def _flatten_into(flat: dict[str, Any], path: tuple[str, ...], node: dict[str, Any]) -> None:
    for key, value in node.items():
        here = (*path, key)
        if type(value) is dict and value and "_type" not in value:
            _flatten_into(flat, here, value)
        else:
            flat[_other_name(flat, ".".join(here))] = value


def nest(target: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set ``target[path[0]][path[1]]… = value``, making the dicts on the way.

    A path of more than 64 parts is one key with dots.
    """
    if len(path) > _MAX_DEPTH:
        path = [".".join(path)]
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
    try:
        if isinstance(value, Mapping):
            return dict(value)
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
        return _name_of(value, error)


def _name_of(value: Any, error: Exception) -> str:
    return f"<{type(value).__name__}: {type(error).__name__}>"


#: one encoder for all calls: `json.dumps` with options makes a new one each time
_ENCODE = json.JSONEncoder(default=_plain_or_repr).encode


def _rebuild(value: Any, above: list[int]) -> Any:
    """A copy that JSON can say for certain; ``above`` are the ids of what the value lies in."""
    if isinstance(value, (str, float, bool)) or value is None:
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 4096 else hex(value)
    if id(value) in above or len(above) >= _MAX_DEPTH:
        return "…"
    above.append(id(value))
    try:
        if isinstance(value, Mapping):
            return {key_text(key): _rebuild(item, above) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [_rebuild(item, above) for item in value]
        made = _plain_or_repr(value)
        return made if isinstance(made, str) else _rebuild(made, above)
    except Exception as error:  # noqa: BLE001  as above; the rest of the value lives
        return _name_of(value, error)
    finally:
        above.pop()
