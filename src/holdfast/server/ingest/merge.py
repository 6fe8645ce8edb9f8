"""A run's row, from its journals: whatever order they arrived in, the same row.

Owns which journal counts for what. Must not know SQL or HTTP. Journals are taken in reading
order, by (started_at, journal); what a later one says replaces what an earlier one said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from holdfast.records.replay import Replay
from holdfast.records.values import dumps, loads
from holdfast.server.history import merge_kinds, step_array
from holdfast.server.metastore.runs import JournalFacts
from holdfast.server.metastore.state import CLIENT, EDITS, journal_proof, shown

__all__ = ["heads", "journal_duration", "proof", "said", "told_by"]

_NAMES = ("name", "notes", "group", "job_type")
# summary values of these kinds are of all rows, so those of two journals are put together
_FOLDS: Mapping[str, Callable[[float, float], float]] = {
    "min": min,
    "max": max,
    "first": lambda early, _: early,
}


def heads(journals: Sequence[JournalFacts]) -> dict[str, Any]:
    """The columns that follow from the short facts of the journals, in reading order.

    A journal of edits says nothing of how the run went. Of several writers each says it with its
    last journal, and the run is as the worst off, while none is still at work (`_concern`).
    """
    journals = shown(journals)
    journals = [journal for journal in journals if journal.role != EDITS] or journals
    writers: dict[str, list[JournalFacts]] = {}
    for journal in journals:
        writers.setdefault(journal.label, []).append(journal)
    lasts = [of_one[-1] for of_one in writers.values()]
    telling = min(lasts, key=_concern)
    reached = [step for step in map(_last_of, writers.values()) if step is not None]
    ended = max(last.started_at + last.duration for last in lasts)
    return {
        "exit_code": telling.exit_code,
        "preempting": telling.preempting,
        "writer": telling.writer,
        "heard_at": telling.heard_at,
        "started_at": journals[0].started_at,
        "ended_at": ended if all(last.ended for last in lasts) else None,
        "rows": sum(journal.rows + (journal.open_row is not None) for journal in journals),
        "last_step": max(reached, default=None),
        "duration": max(sum(one.duration for one in of_one) for of_one in writers.values()),
        "proof": proof(journals),
    }


def _concern(journal: JournalFacts) -> tuple[int, float]:
    """Which of several writers says how the run is: the least.

    At work, of unknown fate, failed, crashed, taken away, finished. Failed before crashed: where
    one fails, its launcher kills the others.
    """
    if journal.exit_code is not None:
        place = 2 if journal.exit_code else 5
    elif journal.writer in {"alive", CLIENT}:
        place = 0
    elif journal.writer == "gone":
        place = 4 if journal.preempting else 3
    else:
        place = 1
    return place, -journal.heard_at


def _last_of(journals: Sequence[JournalFacts]) -> int | None:
    """The last step that a writer reached."""
    steps = [step for step in map(_last_step, journals) if step is not None]
    return steps[-1] if steps else None


def _last_step(journal: JournalFacts) -> int | None:
    """The step of the last row, also when that was not closed."""
    step = None if journal.open_row is None else loads(journal.open_row).get("_step")
    return int(step_array([step])[0]) if type(step) is int else journal.last_step


def proof(journals: Sequence[JournalFacts]) -> str:
    """What can be proven of all of them: the least of what can be of one (docs/formats/http.md)."""
    found = {_proof(journal) for journal in journals}
    return next(word for word in ("gaps", "arriving", "received", "confirmed") if word in found)


def _proof(journal: JournalFacts) -> str:
    return journal_proof(
        journal.role,
        gaps=journal.gaps != "[]",
        claimed=journal.claim is not None and loads(journal.claim)["position"] == journal.position,
        ended=journal.exit_code is not None,
    )


def told_by(journals: Sequence[JournalFacts]) -> list[JournalFacts]:
    """The journals by which `said` goes, in the order in which they tell.

    A session's journal that the server wrote is read also when the folder's rows count instead: it
    may hold what was changed afterwards, so it is read right after the folder's.
    """
    counted = {one.pk for one in shown(journals)}
    brought = {one.first_row: place for place, one in enumerate(journals) if not one.role}
    places = {}
    for place, one in enumerate(journals):
        if one.pk in counted:
            places[one.pk] = (place, 0)
        elif one.role:
            places[one.pk] = (max(place, brought.get(one.first_row, 0)), 1)
    return sorted((one for one in journals if one.pk in places), key=lambda one: places[one.pk])


def said(replays: Sequence[Replay], keys: Sequence[str]) -> dict[str, Any]:
    """The columns that follow from what the journals say, in reading order.

    Args:
        replays: of the journals.
        keys: their metric_keys, as text.
    """
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    names: dict[str, Any] = dict.fromkeys(_NAMES, "")
    tags: tuple[str, ...] = ()
    for replay in replays:
        for key in replay.removed["config"]:
            config.pop(key, None)
        for key in replay.removed["summary"]:
            summary.pop(key, None)
        config.update(replay.config)
        metadata.update(replay.metadata)
        metrics.update(replay.metrics)
        _fold_summary(summary, _summary_of(replay), metrics)
        if replay.run is not None:
            names.update({name: getattr(replay.run, name) or names[name] for name in _NAMES})
            tags = replay.run.tags or tags
            names.update(dict.fromkeys(set(replay.cleared) & set(_NAMES), ""))
            tags = () if "tags" in replay.cleared else tags
    kinds: dict[str, dict[str, str]] = {"history": {}, "system": {}}
    for text in keys:
        for stream, found in loads(text).items():
            merge_kinds(kinds[stream], found)
    return {
        **names,
        "tags": dumps(list(tags)),
        "config": dumps(config),
        "summary": dumps(summary),
        "metadata": dumps(metadata),
        "defined_metrics": dumps([metric._asdict() for metric in metrics.values()]),
        "metric_keys": dumps(kinds),
    }


def _summary_of(replay: Replay) -> dict[str, Any]:
    """A journal's summary, the row that was not closed included."""
    if replay.open_row is None:
        return replay.summary
    more = {key: value for key, value in replay.open_row.items() if key not in replay.metrics}
    return {**replay.summary, **more}


def _fold_summary(
    summary: dict[str, Any], later: Mapping[str, Any], metrics: Mapping[str, Any]
) -> None:
    for key, value in later.items():
        before = summary.get(key)
        if key in metrics and type(before) is dict and type(value) is dict:
            value = {name: _folded(name, before.get(name), inner) for name, inner in value.items()}
        summary[key] = value


def _folded(name: str, early: Any, late: Any) -> Any:
    if name in _FOLDS and type(early) in (int, float) and type(late) in (int, float):
        return _FOLDS[name](early, late)
    return late


def journal_duration(replay: Replay, started_at: float) -> float:
    """Seconds from a journal's start to the last thing it tells of.

    The runtime of a resumed run counts from the first start of all, so it is not asked there.
    """
    last = replay.summary.get("_timestamp")
    ends = [last - started_at] if isinstance(last, int | float) else []
    if replay.runtime is not None and not (replay.run is not None and replay.run.resumed):
        ends.append(float(replay.runtime))
    return max([0.0, *(end for end in ends if end < float("inf"))])
