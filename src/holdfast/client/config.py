"""`run.config`: what went into the run, as dict and as attributes.

Owns the rules of change (a value once set changes only when asked to) and what may be given as a
config. Must not know records: it hands each change to its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from holdfast.client.settle import SIMPLE, settle
from holdfast.errors import UsageError
from holdfast.records.values import dumps

__all__ = ["Config", "ConfigError", "read_config"]


class ConfigError(UsageError):
    """A config value would change that was set before, or what was given is no config."""


class Config(MutableMapping[str, Any]):
    """The config of a run. Values are plain data: what JSON says.

    Args:
        changed: called with the keys and values of each change, and the keys removed.
        values: what is known at the start.
        free: values may change without ``allow_val_change`` (in notebooks, as with wandb).

    Example:
        >>> config = Config(lambda update, removed: None)
        >>> config.update({"lr": 0.1})
        >>> config.lr
        0.1
    """

    _changed: Callable[[dict[str, Any], tuple[str, ...]], None]
    _items: dict[str, Any]
    _free: bool

    def __init__(
        self,
        changed: Callable[[dict[str, Any], tuple[str, ...]], None],
        values: Mapping[str, Any] | None = None,
        *,
        free: bool = False,
    ) -> None:
        object.__setattr__(self, "_changed", changed)
        object.__setattr__(self, "_items", dict(values or {}))
        object.__setattr__(self, "_free", free)

    def update(  # type: ignore[override]
        self, given: Any = (), allow_val_change: bool | None = None, **more: Any
    ) -> None:
        """Set several values: from a dict, an argparse namespace or a dataclass.

        Raises:
            ConfigError: a value differs from the one set before and ``allow_val_change`` is not
                true; nothing is changed then.
        """
        new = {**read_config(given), **read_config(more)}
        changes = {
            key: value
            for key, value in new.items()
            if key not in self._items or dumps(value) != dumps(self._items[key])
        }
        allowed = self._free if allow_val_change is None else allow_val_change
        clash = next((key for key in changes if key in self._items), None)
        if clash is not None and not allowed:
            raise ConfigError(
                f"config {clash!r} is {self._items[clash]!r} and would become {changes[clash]!r}",
                "if that is meant, use config.update({...}, allow_val_change=True)",
            )
        if changes:
            self._items.update(changes)
            self._changed(changes, ())

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        del self._items[key]
        self._changed({}, (key,))

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)

    def __getattr__(self, name: str) -> Any:
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(f"the config has no value {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the config has no value {name!r}") from None

    def as_dict(self) -> dict[str, Any]:
        """A copy as a plain dict."""
        copy: dict[str, Any] = settle(self._items)
        return copy

    def __repr__(self) -> str:
        return repr(self._items)


def read_config(
    given: Any, *, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
) -> dict[str, Any]:
    """Plain config values from what a caller has: a mapping, namespace, dataclass, or None.

    Raises:
        ConfigError: it is nothing of that kind.
    """
    if given is None:
        return {}
    if isinstance(given, Mapping):
        values: Mapping[Any, Any] = given
    elif hasattr(type(given), "__dataclass_fields__"):
        values = _fields(given)
    elif callable(getattr(given, "flag_values_dict", None)):  # absl's flags
        values = given.flag_values_dict()
    elif hasattr(given, "__dict__") and not isinstance(given, type):
        values = vars(given)
    else:
        try:
            values = dict(given)
        except (TypeError, ValueError):
            raise ConfigError(
                f"a config cannot be read from {type(given).__name__}",
                "give a dict, an argparse namespace or a dataclass",
            ) from None
    kept = set(map(str, include)) if include else None
    left_out = set(map(str, exclude or ()))
    return {
        name: _plain(value, 0)
        for key, value in values.items()
        if (name := str(key)) not in left_out and (kept is None or name in kept)
    }


def _plain(value: Any, depth: int) -> Any:
    """A config value as plain data; an object that is none becomes its ``str``, as in wandb."""
    if type(value) in SIMPLE:
        return value
    if depth > 30:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if hasattr(type(value), "__dataclass_fields__") and not isinstance(value, type):
        return _plain(_fields(value), depth + 1)
    if any(hasattr(value, way) for way in ("item", "tolist", "numpy", "isoformat")):
        return settle(value)
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  an object of the caller's may raise anything
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _fields(instance: Any) -> dict[str, Any]:
    return {
        name: getattr(instance, name)
        for name in type(instance).__dataclass_fields__
        if hasattr(instance, name)
    }
