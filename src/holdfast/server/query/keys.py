"""What runs have been told, by name: the union over a project's runs, and what is drawn how.

Must not know HTTP, SQL, or how an entry comes about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from holdfast.server.query.entry import RunEntry

__all__ = ["keys_of"]


def keys_of(entries: Sequence[RunEntry]) -> dict[str, Any]:
    """``{metrics, system, config, summary, step_metrics, hidden}`` of some runs.

    The first four are the union over the runs, in order; of metrics those that a chart can draw.
    ``step_metrics`` has by metric that over which `define_metric` wants it drawn, where all runs
    that have it say the same: else some of them would have no line. ``hidden`` are the metrics
    that none of the runs that have them wants drawn by themselves.
    """
    # Of a thousand runs of one script nearly all have the same metrics: one stands for them.
    kinds = list({entry.told_metrics: entry for entry in entries}.values())
    return {
        "metrics": _union([entry.drawable["history"] for entry in kinds]),
        "system": _union([entry.drawable["system"] for entry in kinds]),
        "config": _union([entry.flat["config"].keys() for entry in entries]),
        "summary": _union([entry.flat["summary"].keys() for entry in entries]),
        "step_metrics": _agreed(kinds),
        "hidden": _hidden(kinds),
    }


def _union(keys: Sequence[Iterable[str]]) -> list[str]:
    return sorted(set().union(*keys))


def _agreed(entries: Sequence[RunEntry]) -> dict[str, str]:
    over: dict[str, str] = {}
    for entry in entries:
        over.update(entry.step_metrics)
    if over:
        for entry in entries:
            for key in entry.drawable["history"] & over.keys():
                if entry.step_metrics.get(key) != over[key]:
                    del over[key]
    return over


def _hidden(entries: Sequence[RunEntry]) -> list[str]:
    hidden = set().union(*(entry.hidden for entry in entries))
    if hidden:
        for entry in entries:
            hidden -= entry.drawable["history"] - entry.hidden
    return sorted(hidden)
