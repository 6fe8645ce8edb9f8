"""Reading fields of a JSON object with a check for each, so that a bad body is refused by name.

Owns the checks by type. Must not know which message is read.
"""

from __future__ import annotations

import math
from typing import Any

from holdfast.errors import RefusedError

__all__ = ["Fields", "invalid", "malformed"]


def malformed(what: str) -> RefusedError:
    """The error for a body that does not have the form it must have (400)."""
    return RefusedError(what, "see docs/formats/http.md", status=400, code="bad_request")


def invalid(what: str, do: str) -> RefusedError:
    """The error for a well-formed body that is not acceptable (422)."""
    return RefusedError(what, do, status=422, code="invalid")


class Fields:
    """The fields of one JSON object; every reader raises RefusedError (400) naming the field.

    >>> Fields({"size": 3}, "file").count("size")
    3
    """

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise malformed(f"the {name} is not a JSON object")
        self._value: dict[str, Any] = value
        self._name = name

    def get(self, key: str) -> object:
        """Whatever stands there; an absent field is refused."""
        if key not in self._value:
            raise malformed(f"the {self._name} has no field {key!r}")
        return self._value[key]

    def has(self, key: str) -> bool:
        """Whether the field is there: one that came later need not be, from an older program."""
        return key in self._value

    def text(self, key: str) -> str:
        """A string."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self._wrong(key, "a string")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false")
        return value

    def count(self, key: str) -> int:
        """A whole number, 0 or more."""
        value = self.get(key)
        if not _is_count(value):
            raise self._wrong(key, "a whole number, 0 or more")
        return value  # type: ignore[return-value]  # _is_count has looked

    def number(self, key: str) -> float:
        """A finite number."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            raise self._wrong(key, "a finite number")
        return float(value)

    def list(self, key: str) -> list[object]:
        """A list of anything."""
        value = self.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return value

    def counts(self, key: str) -> dict[str, int]:
        """An object whose values are whole numbers, 0 or more."""
        value = self.get(key)
        if not isinstance(value, dict) or not all(_is_count(item) for item in value.values()):
            raise self._wrong(key, "an object of whole numbers")
        return value

    def texts(self, key: str) -> dict[str, str]:
        """An object whose values are strings."""
        value = self.get(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise self._wrong(key, "an object of strings")
        return value

    def spans(self, key: str) -> tuple[tuple[int, int], ...]:
        """A list of [start, end], start before end."""
        spans = []
        for item in self.list(key):
            if not isinstance(item, list) or len(item) != 2 or not all(map(_is_count, item)):
                raise self._wrong(key, "a list of [start, end]")
            if item[0] >= item[1]:
                raise self._wrong(key, "a list of [start, end], start before end")
            spans.append((item[0], item[1]))
        return tuple(spans)

    def _wrong(self, key: str, wanted: str) -> RefusedError:
        return malformed(f"field {key!r} of the {self._name} is not {wanted}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False
