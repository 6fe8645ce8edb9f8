"""What `define_metric` says of metrics, and which definition a metric has.

Standard library alone: training imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["MetricDef", "definition_of"]


class MetricDef(NamedTuple):
    """What `define_metric` says of one metric, or of all that a glob name matches."""

    name: str
    glob: bool = False
    step_metric: str = ""
    step_sync: bool = False
    hidden: bool = False
    summary: tuple[str, ...] = ()
    goal: str = ""
    overwrite: bool = False


def definition_of(metric: str, definitions: Mapping[str, MetricDef]) -> MetricDef | None:
    """The definition of a metric: its own, else that of the first glob that matches; else None.

    W&B's globs have one star, at their end; they do not match names that begin with ``_``.

    Args:
        metric: its dotted name.
        definitions: by name, in the order in which they were first said.

    Example:
        >>> said = {"val/*": MetricDef("val/*", glob=True, step_metric="epoch")}
        >>> definition_of("val/loss", said).step_metric
        'epoch'
    """
    found = definitions.get(metric)
    if found is not None and not found.glob:
        return found
    if metric.startswith("_"):
        return None
    globs = (one for one in definitions.values() if one.glob)
    return next((one for one in globs if metric.startswith(one.name[:-1])), None)
