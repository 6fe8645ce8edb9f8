"""Lists of runs: search, order, pages, and one run whole.

Owns what a run's row says. The rows of a project are kept until their run changes: configs and
summaries are JSON, and ordering a thousand runs by one of their keys would otherwise read all of
it for every page. Must not know HTTP or SQL.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from holdfast.errors import UsageError
from holdfast.ids import RunPath
from holdfast.records.values import to_strict
from holdfast.server.metastore import Transaction, reads
from holdfast.server.query.entry import PLAIN_COLUMNS, RunEntry, in_order
from holdfast.server.query.keys import keys_of
from holdfast.server.query.sources import Stores, must_find_project, must_read_run

__all__ = ["RUN_STATES", "RunList", "RunsRequest"]

RUN_STATES = ("running", "finished", "failed", "preempted", "crashed", "pending")

_MAX_KEPT = 20_000
_MAX_LISTS = 64
_LIST_SECONDS = 2.0  # a run's state changes with the clock alone


@dataclass(frozen=True)
class RunsRequest:
    """Which runs of a project, in what order, and what to say of them.

    Args:
        search: words that must all occur in a run's name, id, tags, notes, group, job type or
            config (case does not matter).
        order: a column, ``config.KEY`` or ``summary.KEY``; ``-`` before it for descending.
        limit: the most rows in one answer.
        after: the ``next`` of the answer before; empty for the first.
        states: only runs in these states; empty for all.
        columns: which ``config.KEY`` and ``summary.KEY`` to put into the rows; ``*`` for all.
    """

    search: str = ""
    order: str = "-created_at"
    limit: int = 100
    after: str = ""
    states: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class RunList:
    """Answers about the runs of projects.

    Args:
        stores: where they are.
        clock: Unix time in seconds; the state of a run depends on it.
    """

    def __init__(self, stores: Stores, clock: Callable[[], float] = time.time) -> None:
        self._stores = stores
        self._clock = clock
        self._kept: OrderedDict[int, RunEntry] = OrderedDict()
        self._keys: dict[tuple[str, str], tuple[tuple[int, int], dict[str, Any]]] = {}
        self._lists: dict[int, tuple[tuple[int, ...], float, list[RunEntry]]] = {}
        self._lock = threading.Lock()

    def page(self, entity: str, project: str, request: RunsRequest) -> dict[str, Any]:
        """``{runs, next, total}`` of `docs/formats/http.md`.

        Raises:
            NotFoundError: no such project.
            UsageError: an order, state, column or cursor that is none.
        """
        _check(request)
        with self._stores.meta.read() as tx:
            entries = self._entries(tx, must_find_project(tx, entity, project))
        chosen = _matching(entries, request)
        chosen = _ordered(chosen, request.order)
        start = _after(chosen, request.after)
        end = min(start + request.limit, len(chosen))
        page = [_row(entry, request.columns) for _, entry in chosen[start:end]]
        more = end < len(chosen) and end > start
        return {
            "runs": page,
            "next": _cursor(chosen[end - 1][0], end) if more else None,
            "total": len(chosen),
        }

    def keys(self, entity: str, project: str) -> dict[str, Any]:
        """The union of the keys over a project's runs."""
        with self._stores.meta.read() as tx:
            entries = self._entries(tx, must_find_project(tx, entity, project))
        signature = (len(entries), max((entry.changed for entry in entries.values()), default=0))
        kept = self._keys.get((entity, project))
        if kept is None or kept[0] != signature:
            kept = self._keys[entity, project] = signature, keys_of(list(entries.values()))
        return kept[1]

    def whole(self, entry: RunEntry) -> dict[str, Any]:
        """All that is known of one run, its journals excepted."""
        return {
            **_row(entry, ("*",)),
            "metadata": to_strict(entry.metadata),
            "defined_metrics": to_strict(entry.defined_metrics),
            "metrics": entry.kinds,
            "step_metrics": entry.step_metrics,
            "hidden": sorted(entry.hidden),
            "exit_code": entry.exit_code,
            "ended_at": entry.ended_at,
        }

    def entry(self, run: RunPath) -> RunEntry:
        """One run; NotFoundError when there is none."""
        with self._stores.meta.read() as tx:
            row = must_read_run(tx, run)
        entry = RunEntry(row)
        entry.tell_time(row.writer, row.heard_at, self._clock())
        return entry

    def entries(self, entity: str, project: str) -> list[RunEntry]:
        """All runs of a project in the order in which they came; NotFoundError without it.

        The very same list is given again while no run changed, for a second or two: who pages
        through ten thousand runs asks for them two hundred times.
        """
        with self._stores.meta.read() as tx:
            key = must_find_project(tx, entity, project)
            version = reads.project_version(tx, key)
            kept, until, entries = self._lists.get(key, ((), 0.0, []))
            if kept != version or self._clock() >= until:
                entries = list(self._entries(tx, key).values())
                if len(self._lists) >= _MAX_LISTS:
                    self._lists.clear()
                self._lists[key] = version, self._clock() + _LIST_SECONDS, entries
        return entries

    def _entries(self, tx: Transaction, project: int) -> dict[int, RunEntry]:
        """Every run of a project by its key; only those that changed are read again."""
        heads = reads.run_heads(tx, project)
        with self._lock:
            stale = [head.pk for head in heads if not self._is_kept(head)]
        fresh = {row.pk: RunEntry(row) for row in reads.run_rows(tx, stale)}
        entries = {}
        now = self._clock()
        with self._lock:
            for head in heads:
                entry = fresh.get(head.pk) or self._kept.get(head.pk)
                if entry is None:  # another thread pushed it out since
                    entry = RunEntry(reads.run_rows(tx, [head.pk])[0])
                self._kept[head.pk] = entry
                self._kept.move_to_end(head.pk)
                entry.tell_time(head.writer, head.heard_at, now)
                entries[head.pk] = entry
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return entries

    def _is_kept(self, head: reads.RunHead) -> bool:
        entry = self._kept.get(head.pk)
        return entry is not None and entry.changed == head.changed


def _check(request: RunsRequest) -> None:
    column = request.order.removeprefix("-")
    if column not in PLAIN_COLUMNS and not column.startswith(("config.", "summary.")):
        raise UsageError(
            f"runs have no column {column!r} to order by",
            f"use {', '.join(sorted(PLAIN_COLUMNS))}, config.KEY or summary.KEY",
        )
    for state in request.states:
        if state not in RUN_STATES:
            raise UsageError(f"{state!r} is no state of a run", f"use {', '.join(RUN_STATES)}")
    for name in request.columns:
        if name != "*" and not name.startswith(("config.", "summary.")):
            raise UsageError(f"{name!r} is no column", "write config.KEY, summary.KEY or *")


def _matching(entries: dict[int, RunEntry], request: RunsRequest) -> list[tuple[int, RunEntry]]:
    words = request.search.lower().split()
    return [
        (pk, entry)
        for pk, entry in entries.items()
        if (not request.states or entry.row["state"] in request.states)
        and all(word in entry.text for word in words)
    ]


def _ordered(chosen: list[tuple[int, RunEntry]], order: str) -> list[tuple[int, RunEntry]]:
    """By a column; runs that lack it stand last in both directions."""
    column = order.removeprefix("-")
    entries = [entry for _, entry in chosen]
    ordered = in_order(entries, lambda entry: entry.value(column), order.startswith("-"))
    return [(entry.pk, entry) for entry in ordered]


def _row(entry: RunEntry, columns: Iterable[str]) -> dict[str, Any]:
    wanted = tuple(columns)
    if "*" in wanted:
        return {**entry.row, **entry.strict}
    sides: dict[str, dict[str, Any]] = {"config": {}, "summary": {}}
    for column in wanted:
        side, _, key = column.partition(".")
        if key in entry.flat[side]:
            sides[side][key] = to_strict(entry.flat[side][key])
    return {**entry.row, **sides}


def _after(chosen: list[tuple[int, RunEntry]], cursor: str) -> int:
    """Where the page after a cursor starts: behind its run, or where that stood if it is gone."""
    if not cursor:
        return 0
    try:
        pk, index = (int(part) for part in json.loads(base64.urlsafe_b64decode(cursor)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise UsageError("'after' is not the 'next' of an answer", "leave it out") from error
    for place, (key, _) in enumerate(chosen):
        if key == pk:
            return place + 1
    return min(max(index, 0), len(chosen))


def _cursor(pk: int, index: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([pk, index]).encode()).decode()
