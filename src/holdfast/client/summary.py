"""`run.summary`: one value a metric for the whole run, as dict and as attributes.

Owns the view that scripts hold. Must not know records: it asks its owner for the values and hands
it the changes.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Protocol

from holdfast.client.settle import settle

__all__ = ["Summary", "SummaryOwner"]


class SummaryOwner(Protocol):
    """Who keeps a summary: the recorder of a run."""

    def summary_values(self) -> dict[str, Any]:
        """The summary as it stands, nested; the caller must not change it."""

    def set_summary(self, path: tuple[str, ...], value: Any) -> None:
        """Set a value, making the dicts on the way."""

    def remove_summary(self, path: tuple[str, ...]) -> None:
        """Remove a value; KeyError when there is none."""


class Summary(MutableMapping[str, Any]):
    """The summary of a run, or a dict inside it.

    Example:
        >>> run.summary["best"] = 0.93              # doctest: +SKIP
        >>> run.summary["val"]["top5"] = 0.99       # doctest: +SKIP
        >>> run.summary.update({"note": "done"})    # doctest: +SKIP
    """

    _owner: SummaryOwner
    _path: tuple[str, ...]

    def __init__(self, owner: SummaryOwner, path: tuple[str, ...] = ()) -> None:
        object.__setattr__(self, "_owner", owner)
        object.__setattr__(self, "_path", path)

    def _values(self) -> dict[str, Any]:
        values: Any = self._owner.summary_values()
        for part in self._path:
            values = values[part]
            if type(values) is not dict:
                raise KeyError(part)
        found: dict[str, Any] = values
        return found

    def __getitem__(self, key: str) -> Any:
        value = self._values()[key]
        if type(value) is dict:
            return Summary(self._owner, (*self._path, key))
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, Summary):
            value = value.as_dict()
        self._owner.set_summary((*self._path, str(key)), settle(value))

    def __delitem__(self, key: str) -> None:
        self._owner.remove_summary((*self._path, key))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values()))

    def __len__(self) -> int:
        return len(self._values())

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the summary has no value {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the summary has no value {name!r}") from None

    def as_dict(self) -> dict[str, Any]:
        """A copy as a plain dict."""
        copy: dict[str, Any] = settle(self._values())
        return copy

    def __repr__(self) -> str:
        return repr(self._values())
