"""What `define_metric` was told, and what it makes of values in the summary.

Owns definitions (exact and glob names) and aggregates. Must not know where a summary is kept.
"""

from __future__ import annotations

import sys
from typing import Any

from holdfast.errors import UsageError
from holdfast.records.definitions import MetricDef, definition_of

__all__ = ["Definitions", "new_definition"]

_AGGREGATES = ("min", "max", "mean", "best", "last", "first", "copy", "none")
_GOALS = {"": "", "min": "minimize", "minimize": "minimize", "max": "maximize"}
_GOALS["maximize"] = "maximize"


def new_definition(
    name: str, step_metric: str = "", summary: str = "", goal: str = "", **options: bool | None
) -> MetricDef:
    """A checked definition; ``options`` are ``step_sync``, ``hidden`` and ``overwrite``.

    Raises:
        UsageError: the name is none, or an aggregate or goal is unknown.
    """
    if not name or not isinstance(name, str):
        raise UsageError(f"define_metric got {name!r} as a name", "give the metric's key as text")
    if "*" in name[:-1]:
        raise UsageError(f"define_metric({name!r})", "a glob may have one '*', at its end")
    wanted = tuple(word.strip().lower() for word in (summary or "").split(",") if word.strip())
    for word in wanted:
        if word not in _AGGREGATES:
            raise UsageError(
                f"define_metric({name!r}): summary {word!r} is unknown",
                f"use some of {', '.join(_AGGREGATES)}, separated by commas",
            )
    if (goal or "").lower() not in _GOALS:
        raise UsageError(f"define_metric: goal {goal!r} is unknown", "use minimize or maximize")
    step_sync = options.get("step_sync")
    return MetricDef(
        name=name,
        glob=name.endswith("*"),
        step_metric=step_metric or "",
        step_sync=bool(step_metric) if step_sync is None else step_sync,
        hidden=bool(options.get("hidden")),
        summary=wanted,
        goal=_GOALS[(goal or "").lower()],
        overwrite=bool(options.get("overwrite")),
    )


class Definitions:
    """All definitions of a run. False while there are none, which is the fast case."""

    def __init__(self) -> None:
        self._said: dict[str, MetricDef] = {}
        self._found: dict[str, MetricDef | None] = {}
        self._counts: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def add(self, definition: MetricDef) -> None:
        """Take a definition; it replaces an earlier one of the same name."""
        self._said[definition.name] = definition
        self._found.clear()

    def of(self, key: str) -> MetricDef | None:
        """The definition for a key: its own, else that of the first glob that matches."""
        if key not in self._found:
            self._found[key] = definition_of(key, self._said)
        return self._found[key]

    def steps_to_add(self, row: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
        """Step metrics of the row's metrics that the row itself lacks, with their last values."""
        added: dict[str, Any] = {}
        for key in row:
            definition = self.of(key)
            if definition and definition.step_sync and definition.step_metric not in row:
                value = _last_of(last, definition.step_metric)
                if value is not None:
                    added[definition.step_metric] = value
        return added

    def fold(self, into: dict[str, Any], row: dict[str, Any], prefix: str = "") -> None:
        """Bring a row into a summary, each metric as its definition says."""
        for key, value in row.items():
            name = prefix + key
            if type(value) is dict and value and "_type" not in value:
                if type(into.get(key)) is not dict:
                    into[key] = {}
                self.fold(into[key], value, name + ".")
                continue
            definition = self.of(name)
            wanted = definition.summary if definition else ()
            if not wanted or "copy" in wanted:
                into[key] = value
            elif "none" in wanted:
                into.pop(key, None)
            elif definition is not None:
                into[key] = self._aggregate(definition, name, into.get(key), value)

    def _aggregate(self, definition: MetricDef, name: str, old: Any, value: Any) -> dict[str, Any]:
        made: dict[str, Any] = dict(old) if type(old) is dict else {}
        wanted = definition.summary
        if "last" in wanted:
            made["last"] = value
        if "first" in wanted:
            made.setdefault("first", value)
        if type(value) not in (float, int) or value != value:
            return made
        if type(value) is int and abs(value) > sys.float_info.max:  # no mean can be made of it
            return made
        lower = min(made.get("min", value), value)
        higher = max(made.get("max", value), value)
        if "min" in wanted:
            made["min"] = lower
        if "max" in wanted:
            made["max"] = higher
        if "best" in wanted:
            pick = max if definition.goal == "maximize" else min
            made["best"] = pick(made.get("best", value), value)
        if "mean" in wanted:
            count = self._counts[name] = self._counts.get(name, 0) + 1
            mean = made.get("mean", 0.0)
            made["mean"] = mean + (value - mean) / count
        return made


def _last_of(summary: dict[str, Any], key: str) -> Any:
    value = summary.get(key)
    return value.get("last") if type(value) is dict else value
