"""A run as lists and answers know it, what its JSON columns hold read when it is asked for.

Owns what can be said of a run from its row alone. Must not know HTTP or SQL.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from holdfast.ids import RunPath
from holdfast.records.definitions import MetricDef, definition_of
from holdfast.records.values import dumps, flatten, loads, to_strict
from holdfast.server.metastore import reads, run_state
from holdfast.server.query.lines import SYSTEM_PREFIX

__all__ = ["PLAIN_COLUMNS", "RunEntry", "in_order"]

PLAIN_COLUMNS = frozenset(
    {"run_id", "name", "proof", "created_at", "started_at", "duration", "group", "job_type"}
    | {"notes", "rows", "last_step", "tags", "state", "heard_at"}
)


class RunEntry:
    """A run of a list. What JSON holds is read when something asks for it, then kept."""

    def __init__(self, row: reads.RunRow) -> None:
        self.pk = row.pk
        self.changed = row.changed
        self.exit_code = row.exit_code
        self.preempting = row.preempting
        self.ended_at = row.ended_at
        self.stop_requested_at = row.stop_requested_at
        self.writer = row.writer
        self.row: dict[str, Any] = {
            "entity": row.entity,
            "project": row.project,
            "run_id": row.run_id,
            "name": row.name or row.run_id,  # wandb names offline runs on its server only
            "state": "",
            "proof": row.proof,
            "created_at": row.created_at,
            "started_at": row.started_at,
            "heard_at": row.heard_at,
            "duration": row.duration,
            "group": row.group,
            "job_type": row.job_type,
            "tags": loads(row.tags),
            "notes": row.notes,
            "rows": row.rows,
            "last_step": row.last_step,
        }
        self._texts = {"config": row.config, "summary": row.summary, "metadata": row.metadata}
        self._keys = row.metric_keys
        self._defined = row.defined_metrics

    def tell_time(self, writer: str, heard_at: float, now: float) -> None:
        """Say what depends on the clock."""
        self.writer = writer
        self.row["state"] = run_state(
            self.exit_code, writer, heard_at, now, preempting=self.preempting
        )
        self.row["heard_at"] = heard_at

    @cached_property
    def config(self) -> dict[str, Any]:
        """The config, NaN as it is, without wandb's own bookkeeping."""
        return _without_wandb(self._texts["config"])

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The summary, NaN as it is."""
        return _without_wandb(self._texts["summary"])

    @cached_property
    def whole_summary(self) -> dict[str, Any]:
        """The summary with wandb's own bookkeeping in it."""
        values: dict[str, Any] = loads(self._texts["summary"])
        return values

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """Where and how the run ran."""
        values: dict[str, Any] = loads(self._texts["metadata"])
        return values

    @cached_property
    def defined_metrics(self) -> list[dict[str, Any]]:
        """What `define_metric` said."""
        values: list[dict[str, Any]] = loads(self._defined)
        return values

    @cached_property
    def step_metrics(self) -> dict[str, str]:
        """The metric over which each is drawn that has one: `define_metric` said so, and it is."""
        said = {key: one.step_metric for key, one in self._definitions.items()}
        numbers = self.drawable["history"]
        return {key: over for key, over in said.items() if over in numbers and over != key}

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Metrics that `define_metric` wants not to be drawn by themselves."""
        return frozenset(key for key, one in self._definitions.items() if one.hidden)

    @cached_property
    def _definitions(self) -> dict[str, MetricDef]:
        """What `define_metric` said of each metric that a chart can draw."""
        said = {one["name"]: MetricDef(**one) for one in self.defined_metrics}
        keys = self.drawable["history"] if said else ()
        found = ((key, definition_of(key, said)) for key in keys)
        return {key: one for key, one in found if one is not None}

    @property
    def told_metrics(self) -> tuple[str, str]:
        """Metrics and definitions as stored: runs of which this is the same draw the same."""
        return self._keys, self._defined

    @property
    def path(self) -> RunPath:
        """The run's full name."""
        return RunPath(self.row["entity"], self.row["project"], self.row["run_id"])

    @cached_property
    def flat(self) -> dict[str, dict[str, Any]]:
        """Config and summary by dotted key."""
        return {"config": flatten(self.config), "summary": flatten(self.summary)}

    @cached_property
    def strict(self) -> dict[str, Any]:
        """Config and summary, nested, as an answer has them."""
        return {"config": to_strict(self.config), "summary": to_strict(self.summary)}

    @cached_property
    def kinds(self) -> dict[str, dict[str, str]]:
        """The kind of each metric, system metrics with the prefix that users see."""
        kinds = loads(self._keys)
        system = {
            key if key.startswith("_") else f"{SYSTEM_PREFIX}{key}": kind
            for key, kind in kinds["system"].items()
        }
        return {"history": kinds["history"], "system": system}

    @cached_property
    def drawable(self) -> dict[str, frozenset[str]]:
        """The metrics that a chart can draw; ``_step`` and its like are for the x."""
        return {
            stream: frozenset(
                key
                for key, kind in kinds.items()
                if kind in {"number", "bool"} and not key.startswith("_")
            )
            for stream, kinds in self.kinds.items()
        }

    @cached_property
    def text(self) -> str:
        """What a search looks through."""
        row = self.row
        names = [row["name"], row["run_id"], *row["tags"], row["notes"]]
        config = json.dumps(self.config, ensure_ascii=False)
        words = [*names, row["group"], row["job_type"], config]
        return "\n".join(words).lower()

    def value(self, column: str) -> Any:
        """The value of a column; None when the run has none."""
        if column in PLAIN_COLUMNS:
            return self.row[column]
        side, _, key = column.partition(".")
        whole = self.config if side == "config" else self.summary
        if key in whole and not isinstance(whole[key], dict):
            return whole[key]
        return self.flat[side].get(key)


def _without_wandb(text: str) -> dict[str, Any]:
    values: dict[str, Any] = loads(text)
    values.pop("_wandb", None)
    return values


def in_order(
    entries: Iterable[RunEntry], value: Callable[[RunEntry], Any], descending: bool
) -> list[RunEntry]:
    """By a value of each, numbers before texts; those without one stand last in both directions.

    Runs of one value stand in the order in which they came, or the reverse of it.
    """
    keyed, without = [], []
    for entry in entries:
        key = _sort_key(value(entry))
        if key is None:
            without.append(entry)
        else:
            keyed.append((key, entry.pk, entry))
    keyed.sort(key=lambda item: item[:2], reverse=descending)
    without.sort(key=lambda entry: entry.pk, reverse=descending)
    return [entry for _, _, entry in keyed] + without


def _sort_key(value: Any) -> tuple[int, Any] | None:
    """Numbers before texts; None for what has no place in an order."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (int, float)):
        return (0, value)
    if isinstance(value, str):
        return (1, value.lower())
    return (2, dumps(value))
