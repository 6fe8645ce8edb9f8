"""All answers in one place: what the API asks.

Owns nothing but the road from a question to the file that answers it. Must not know HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from holdfast.ids import RunPath
from holdfast.records.values import loads
from holdfast.server.blobstore import BlobStore
from holdfast.server.metastore import MetaStore, reads
from holdfast.server.metastore.state import CLIENT, journal_proof, shown
from holdfast.server.query import files as stored
from holdfast.server.query import projects, rows, samples, stamps
from holdfast.server.query.client import client_of
from holdfast.server.query.console import Console
from holdfast.server.query.entry import RunEntry
from holdfast.server.query.exports import Export, export_of
from holdfast.server.query.lines import Lines, LinesRequest
from holdfast.server.query.rows import RowsRequest
from holdfast.server.query.runs import RunList, RunsRequest
from holdfast.server.query.sources import Stores, must_find_run

__all__ = ["Queries"]


class Queries:
    """Answers of `docs/formats/http.md`, as plain dicts. All methods may run in several threads.

    Each raises NotFoundError for a project, run, journal or file that is not there, and UsageError
    for a question that has no answer.

    Args:
        store: the metastore.
        blobs: the blob store.
        clock: Unix time in seconds; whether a run counts as running depends on it.
    """

    def __init__(
        self, store: MetaStore, blobs: BlobStore, clock: Callable[[], float] = time.time
    ) -> None:
        self._stores = Stores(store, blobs)
        self._runs = RunList(self._stores, clock)
        self._lines = Lines(self._stores)
        self._console = Console(self._stores)

    def projects(self) -> dict[str, Any]:
        """``{projects}``."""
        return projects.projects(self._stores)

    def numbered_projects(self, entity: str) -> dict[int, dict[str, Any]]:
        """The projects of an entity by their numbers on this server."""
        return projects.numbered(self._stores, entity)

    def project_made(self, entity: str, project: str) -> tuple[int, float]:
        """A project's number on this server, and when it was made (Unix seconds)."""
        return projects.made(self._stores, entity, project)

    def changes(self, entity: str, project: str, since: int | None) -> dict[str, Any]:
        """``{cursor, runs}``."""
        return projects.changes(self._stores, entity, project, since)

    def runs(self, entity: str, project: str, request: RunsRequest) -> dict[str, Any]:
        """``{runs, next, total}``."""
        return self._runs.page(entity, project, request)

    def entries(self, entity: str, project: str) -> list[RunEntry]:
        """All runs of a project, as `RunEntry`."""
        return self._runs.entries(entity, project)

    def entry(self, run: RunPath) -> RunEntry:
        """One run, as `RunEntry`."""
        return self._runs.entry(run)

    def keys(self, entity: str, project: str) -> dict[str, Any]:
        """``{metrics, system, config, summary, step_metrics, hidden}``."""
        return self._runs.keys(entity, project)

    def run(self, run: RunPath) -> dict[str, Any]:
        """One run whole, its journals too."""
        entry = self._runs.entry(run)
        journals, alerts = self._journals(run)
        whole = {**self._runs.whole(entry), "stop": _stop(entry, journals)}
        return {**whole, "alerts": alerts, "journals": journals}

    def lines(self, entity: str, project: str, request: LinesRequest) -> dict[str, Any]:
        """``{lines}``."""
        return self._lines.lines(entity, project, request)

    def rows(self, run: RunPath, request: RowsRequest) -> Iterator[list[dict[str, Any]]]:
        """Rows in batches, exactly as logged: NaN may be in them."""
        return rows.all_rows(self._stores, run, request)

    def sampled(self, run: RunPath, keys: tuple[str, ...], samples: int) -> dict[str, Any]:
        """``{rows}``."""
        return rows.sampled_rows(self._stores, run, keys, samples)

    def row_stamps(self, run: RunPath, least: int, greatest: int) -> frozenset[tuple[int, float]]:
        """(step, Unix seconds) of all rows from step ``least`` to ``greatest``."""
        return stamps.row_stamps(self._stores, run, least, greatest)

    def stat_stamps(self, run: RunPath) -> frozenset[float]:
        """Unix seconds of all samples of system metrics."""
        return stamps.stat_stamps(self._stores, run)

    def spread(self, run: RunPath, request: RowsRequest, samples: int) -> list[dict[str, Any]]:
        """At most so many rows at even distances, exactly as logged."""
        return rows.spread_rows(self._stores, run, request, samples)

    def samples(self, run: RunPath, most: int | None = None) -> list[dict[str, Any]]:
        """System samples exactly as logged: all, or at most so many at even distances."""
        found = samples.all_samples(self._stores, run)
        return list(found) if most is None else rows.evenly(found, most)

    def latest_samples(self, run: RunPath) -> dict[str, Any]:
        """The last value of each system metric."""
        return samples.latest_samples(self._stores, run)

    def console(self, run: RunPath, after: int, limit: int) -> dict[str, Any]:
        """``{lines, next, total}``."""
        return self._console.page(run, after, limit)

    def files(self, run: RunPath) -> dict[str, Any]:
        """``{files}``."""
        return stored.files(self._stores, run)

    def file(self, run: RunPath, path: str) -> stored.StoredFile:
        """One file and its bytes."""
        return stored.stored_file(self._stores, run, path)

    def export(self, run: RunPath) -> Export | None:
        """All rows as one Parquet file; None for a run of which that cannot be."""
        return export_of(self._stores, run)

    def journal(self, run: RunPath, journal: str) -> tuple[int, Iterator[bytes]]:
        """The size of a journal and its bytes as they were written."""
        return stored.journal_content(self._stores, run, journal)

    def totals(self) -> reads.Totals:
        """What the whole server holds."""
        with self._stores.meta.read() as tx:
            return reads.totals(tx)

    def client(self, run: RunPath) -> dict[str, Any]:
        """What wandb's client says of itself in the config: its ``_wandb`` entry."""
        return client_of(self._stores, run)

    def _journals(self, run: RunPath) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """The journals of a run, and the alerts in them."""
        with self._stores.meta.read() as tx:
            found = shown(reads.journals_of(tx, [must_find_run(tx, run)]))
            keys = [journal.pk for journal in found]
            stretches = reads.stretches_of(tx, keys)
            states = reads.states_with(tx, "alert", keys)
        steps: dict[int, list[int]] = {}
        for stretch in stretches:
            ends = (stretch.first_step, stretch.last_step) if stretch.rows else ()
            steps.setdefault(stretch.journal_pk, []).extend(ends)
        alerts = [alert for key in keys if key in states for alert in _alerts(states[key])]
        return [_journal(row, steps.get(row.pk, [])) for row in found], alerts


def _alerts(state: str) -> list[dict[str, str]]:
    # Of a journal that was taken by an older version none are known.
    told = loads(state).get("alerts", [])
    return [dict(zip(("title", "text", "level"), alert, strict=True)) for alert in told]


def _stop(entry: RunEntry, journals: list[dict[str, Any]]) -> str:
    """Whether a run can be asked to stop, or was: only who sends live hears of it."""
    if entry.row["state"] != "running" or entry.writer != CLIENT:
        return "no"
    asked, begun = entry.stop_requested_at, max(journal["started_at"] for journal in journals)
    return "possible" if asked is None or asked < begun else "requested"


def _journal(row: reads.JournalRow, steps: list[int]) -> dict[str, Any]:
    gaps = loads(row.gaps)
    claimed = row.claim is not None and loads(row.claim)["position"] == row.position
    proof = journal_proof(row.role, gaps=bool(gaps), claimed=claimed, ended=row.complete)
    return {
        "journal": row.journal,
        "role": row.role,
        "label": row.label,
        "started_at": row.started_at,
        "position": row.position,
        "rows": row.rows,
        "gaps": gaps,
        "replaces": loads(row.replaces),
        "unknown_records": loads(row.records).get("unknown", 0),
        "complete": row.complete,
        "exit_code": row.exit_code,
        "writer": row.writer,
        "proof": proof,
        "first_step": min(steps, default=None),
        "last_step": max(steps, default=None),
    }
