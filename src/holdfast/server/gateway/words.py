"""What the parts of a run are called in W&B's words: states, columns, keys of config and summary.

Owns the names by which clients filter and order runs. Must not know how a filter is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.server.query import RunEntry

__all__ = ["EMPTY", "MISSING", "column", "is_time", "state_of", "within"]


class _Nothing:
    """No value: `MISSING` for a key that a run lacks, `EMPTY` for a text or list left empty."""


MISSING = _Nothing()
EMPTY = _Nothing()

_EMPTIES: tuple[Any, ...] = (None, "", [])

_STATES = {"pending": "crashed"}
"""A run of which nothing was heard for long counts as crashed with W&B, where "pending" is one
that has not begun."""

_CONFIG = ("config.",)
_SUMMARY = ("summary_metrics.", "summaryMetrics.", "summary.")

_Getter = Callable[[RunEntry], Any]


def state_of(entry: RunEntry) -> str:
    """The state of a run in W&B's words."""
    state: str = entry.row["state"]
    return _STATES.get(state, state)


def is_time(name: str) -> bool:
    """Whether a column holds times: Unix seconds."""
    return name in _TIMES


def column(name: str) -> _Getter:
    """What gives a run's value of a column: `MISSING`, `EMPTY`, or as it was logged.

    Raises:
        UsageError: runs have no such column.
    """
    for prefixes, side in ((_CONFIG, "config"), (_SUMMARY, "summary")):
        for prefix in prefixes:
            if name.startswith(prefix):
                return _inner(side, name[len(prefix) :])
    if name in _PLAIN:
        return _PLAIN[name]
    raise UsageError(
        f"runs have no field {name!r}",
        f"use {', '.join(sorted(_PLAIN))}, config.KEY or summary_metrics.KEY",
    )


def _inner(side: str, key: str) -> _Getter:
    """A key of config or summary; W&B's own config has ``.value`` in it, as in ``lr.value``."""
    first, _, rest = key.partition(".value")
    bare = first + rest if key.endswith(".value") or ".value." in key else key

    def get(entry: RunEntry) -> Any:
        whole = entry.config if side == "config" else entry.summary
        flat = entry.flat[side]
        for name in (key, bare):
            for values in (whole, flat):
                if name in values:
                    return values[name]
        return within(whole, bare)

    return get


def within(values: Any, key: str) -> Any:
    """What stands in nested values under a key with dots, also a level as a whole, or `MISSING`."""
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return MISSING
        values = values[part]
    return values


def _row(name: str) -> _Getter:
    def get(entry: RunEntry) -> Any:
        value = entry.row[name]
        return EMPTY if value in _EMPTIES else value

    return get


def _metadata(*path: str) -> _Getter:
    def get(entry: RunEntry) -> Any:
        value = within(entry.metadata, ".".join(path))
        return EMPTY if value in _EMPTIES else value

    return get


_TIMES = {
    "createdAt": _row("started_at"),
    "created_at": _row("started_at"),
    "startedAt": _row("started_at"),
    "started_at": _row("started_at"),
    "heartbeatAt": _row("heard_at"),
    "heartbeat_at": _row("heard_at"),
    "updatedAt": _row("heard_at"),
    "updated_at": _row("heard_at"),
}

_PLAIN: dict[str, _Getter] = {
    **_TIMES,
    "name": _row("run_id"),
    "displayName": _row("name"),
    "display_name": _row("name"),
    "state": state_of,
    "tags": _row("tags"),
    "group": _row("group"),
    "jobType": _row("job_type"),
    "job_type": _row("job_type"),
    "notes": _row("notes"),
    "description": _row("notes"),
    "duration": _row("duration"),
    "runtime": _row("duration"),
    "historyLineCount": _row("rows"),
    "entity": _row("entity"),
    "project": _row("project"),
    "username": _row("entity"),
    "user": _row("entity"),
    "host": _metadata("host"),
    "commit": _metadata("git", "commit"),
    "sweep": lambda _: EMPTY,
}
