"""What a client's whole config and summary say that is not known yet.

Clients send both whole, again and again; records are made of what differs. Must not know where
the known ones come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.records import encode
from holdfast.records.definitions import MetricDef
from holdfast.records.json_rows import plain_values
from holdfast.records.replay import Replay

__all__ = ["changed_config", "changed_summary", "metric_records", "same"]

_AGGREGATES = ("min", "max", "mean", "best", "last", "none", "copy", "first")
_GOALS = {1: "minimize", 2: "maximize"}


def same(one: Any, other: Any) -> bool:
    """Whether two values of extended JSON are the same; ``1`` and ``1.0`` are, NaN is NaN."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and one != one:
        return isinstance(other, float) and other != other
    return bool(one == other)


def changed_config(
    said: Mapping[str, Any], known: Mapping[str, Any], *, whole: bool = True
) -> list[bytes]:
    """The record that makes ``known`` what ``said`` is, if one is needed.

    Args:
        said: the config.
        known: the run's.
        whole: what ``said`` does not say is removed.
    """
    update = {k: v for k, v in said.items() if k not in known or not same(v, known[k])}
    remove = [key for key in known if whole and key not in said]
    return [encode.config(update, remove)] if update or remove else []


def changed_summary(
    said: Mapping[str, Any],
    known: Mapping[str, Any],
    replay: Replay,
    last: Mapping[str, Any] | None = None,
    *,
    whole: bool = True,
) -> list[bytes]:
    """The record that makes a summary what ``said`` is, if one is needed after these rows.

    Args:
        said: the summary.
        known: the run's, before the rows.
        replay: of the journal that the rows go to, which says what is derived from rows.
        last: the last value of each key in the rows that go before the record, as they were read.
        whole: what it does not say is removed.
    """
    derived = dict(known)
    plain = not any(one.summary for one in replay.metrics.values())
    last = last or {}
    for key, token in last.items():
        if plain and not isinstance(token, dict):
            derived[key] = plain_values(token)
        else:
            derived.pop(key, None)  # what a rule or a merge makes of it is not worked out twice
    update = {k: v for k, v in said.items() if k not in derived or not same(v, derived[k])}
    gone = {**known, **last}.keys() - said.keys()
    remove = [key for key in gone if whole and not key.startswith("_")]
    return [encode.summary(update, remove)] if update or remove else []


def metric_records(said: Any, known: Mapping[str, MetricDef]) -> list[bytes]:
    """Definitions of metrics as the config of a client lists them, those that are new.

    An entry's keys are field numbers of W&B's MetricRecord: 1 name, 2 glob, 4 step metric (or 5,
    its place in this list from 1), 6 options, 7 aggregates, 8 goal. What cannot be read is no
    definition: it stays in the client's part of the config as it came.
    """
    entries = [entry for entry in said if isinstance(entry, dict)] if isinstance(said, list) else []
    names = [entry.get("1") for entry in entries]
    records = []
    for entry in entries:
        glob = "2" in entry
        name = entry.get("2") if glob else entry.get("1")
        if not isinstance(name, str) or not name:
            continue
        place = entry.get("5")
        step = entry.get("4", "")
        if type(place) is int and 0 < place <= len(names):
            step = names[place - 1]
        options = _numbers(entry.get("6"))
        aggregates = _numbers(entry.get("7"))
        definition = MetricDef(
            name=name,
            glob=glob,
            step_metric=step if isinstance(step, str) else "",
            step_sync=1 in options,
            hidden=2 in options,
            summary=tuple(
                word for number, word in enumerate(_AGGREGATES, 1) if number in aggregates
            ),
            goal=_GOALS.get(entry["8"], "") if type(entry.get("8")) is int else "",
        )
        if known.get(name) != definition:
            records.append(encode.metric(definition._replace(overwrite=True)))
    return records


def _numbers(given: Any) -> set[int]:
    return {one for one in given if type(one) is int} if isinstance(given, list) else set()
