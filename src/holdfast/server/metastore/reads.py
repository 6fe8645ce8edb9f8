"""The statements of the read side: what the dashboard and the Python API ask the tables.

Owns the select statements of `query` and the plain rows they give. Must not know HTTP, Parquet,
or what an answer looks like. Each function takes an open transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, Select, bindparam, func, select

from holdfast.ids import RunPath
from holdfast.server.metastore.named import IS_PROJECT, IS_RUN
from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.schema import (
    files,
    journals,
    pieces,
    projects,
    runs,
    segments,
    stretches,
)
from holdfast.server.metastore.store import Transaction

__all__ = [
    "FileRow",
    "JournalRow",
    "PieceRow",
    "ProjectRow",
    "RunHead",
    "RunRow",
    "RunVersion",
    "SegmentRow",
    "StretchRow",
    "Totals",
    "changed_runs",
    "files_of",
    "journal_of",
    "journals_of",
    "last_change",
    "pieces_of",
    "project_id",
    "project_made",
    "project_rows",
    "project_version",
    "run_heads",
    "run_pk",
    "run_row",
    "run_rows",
    "run_versions",
    "segments_of",
    "states_with",
    "stretches_of",
    "tail_pieces_of",
    "totals",
]

_T = TypeVar("_T")

_PIECES = select(
    *(pieces.c[name] for name in ("journal_pk", "start", "end", "blob", "data"))
).order_by(pieces.c.journal_pk, pieces.c.start)

_BATCH = 500  # fewer than the number of parameters that any database takes in one statement


@dataclass(frozen=True)
class ProjectRow:
    """A project, how many runs it has and when one of them was last heard of."""

    pk: int
    entity: str
    project: str
    runs: int
    created_at: float
    heard_at: float | None


@dataclass(frozen=True)
class RunHead:
    """What can change in a run without ``changed`` moving, and ``changed`` itself."""

    pk: int
    changed: int
    writer: str
    heard_at: float


@dataclass(frozen=True)
class RunVersion:
    """A run's key, when it last changed (the server's counter), when it started (Unix seconds)."""

    pk: int
    changed: int
    started_at: float


@dataclass(frozen=True)
class RunRow:
    """A run as it stands in its table; JSON columns as text."""

    pk: int
    entity: str
    project: str
    run_id: str
    name: str
    exit_code: int | None
    writer: str
    heard_at: float
    created_at: float
    started_at: float
    ended_at: float | None
    group: str
    job_type: str
    notes: str
    tags: str
    config: str
    summary: str
    metadata: str
    defined_metrics: str
    metric_keys: str
    rows: int
    last_step: int | None
    duration: float
    proof: str
    stop_requested_at: float | None
    preempting: bool
    changed: int


@dataclass(frozen=True)
class JournalRow:
    """A journal of a run; JSON columns as text."""

    pk: int
    run_pk: int
    journal: str
    role: str
    started_at: float
    position: int
    flushed: int
    open_row: str | None
    gaps: str
    rows: int
    last_step: int | None
    complete: bool
    writer: str
    claim: str | None
    replaces: str
    first_row: str | None
    label: str
    exit_code: int | None
    runtime_since: int
    records: str

    @property
    def ended(self) -> bool:
        """Whether it has its exit record."""
        return self.complete


@dataclass(frozen=True)
class PieceRow:
    """A run of a journal's bytes: in ``blob``, or inline in ``data``."""

    journal_pk: int
    start: int
    end: int
    blob: str | None
    data: bytes | None


@dataclass(frozen=True)
class StretchRow:
    """A stretch of a journal: its number there, its steps (both ends included), its rows."""

    journal_pk: int
    number: int
    first_step: int
    last_step: int
    rows: int


@dataclass(frozen=True)
class SegmentRow:
    """A segment of a journal; ``columns`` is JSON as text, steps are None unless it is history."""

    journal_pk: int
    kind: str
    blob: str
    rows: int
    first_row: int
    first_step: int | None
    last_step: int | None
    start: int
    end: int
    columns: str


@dataclass(frozen=True)
class FileRow:
    """A file of a run as one of its journals names it."""

    journal_pk: int
    path: str
    size: int
    digest: str
    updated_at: float


@dataclass(frozen=True)
class Totals:
    """What the whole server holds."""

    runs: int
    rows: int
    journals: int
    position: int


def project_rows(tx: Transaction, entity: str | None = None) -> list[ProjectRow]:
    """All projects, or those of one entity; the one heard of last first."""
    heard = func.max(runs.c.heard_at)
    own = (projects.c.id, projects.c.entity, projects.c.name)
    query = (
        select(*own, func.count(runs.c.id), projects.c.created_at, heard)
        .select_from(projects.outerjoin(runs))
        .group_by(*own, projects.c.created_at)
        .order_by(heard.desc(), projects.c.entity, projects.c.name)
    )
    if entity is not None:
        query = query.where(projects.c.entity == entity)
    return [ProjectRow(*row) for row in tx.execute(query)]


def project_id(tx: Transaction, entity: str, project: str) -> int | None:
    """The key of a project, None when there is none."""
    found = project_made(tx, entity, project)
    return None if found is None else found[0]


def project_made(tx: Transaction, entity: str, project: str) -> tuple[int, float] | None:
    """The key of a project and when it was made (Unix seconds), None when there is none."""
    row = _PROJECT_MADE.first(tx, {"entity": entity, "project": project})
    return None if row is None else (row[0], row[1])


def project_version(tx: Transaction, project: int) -> tuple[int, int]:
    """How many runs a project has, and the last change of any; moves when one of them changes."""
    query = select(func.count(), func.coalesce(func.max(runs.c.changed), 0)).where(
        runs.c.project_id == project
    )
    count, changed = tx.execute(query).one()
    return count, changed


def run_heads(tx: Transaction, project: int) -> list[RunHead]:
    """The heads of all runs of a project, in order of their keys."""
    query = (
        select(runs.c.id, runs.c.changed, runs.c.writer, runs.c.heard_at)
        .where(runs.c.project_id == project)
        .order_by(runs.c.id)
    )
    return [RunHead(*row) for row in tx.execute(query)]


def run_rows(tx: Transaction, pks: Sequence[int]) -> list[RunRow]:
    """These runs, in no particular order."""
    rows: list[RunRow] = []
    for batch in _batches(pks):
        rows.extend(RunRow(*row) for row in tx.execute(_RUN_ROWS, {"the_runs": list(batch)}))
    return rows


def run_row(tx: Transaction, run: RunPath) -> RunRow | None:
    """One run, None when there is none."""
    row = _RUN_ROW.first(tx, run._asdict())
    return None if row is None else RunRow(*row)


def run_pk(tx: Transaction, run: RunPath) -> int | None:
    """The key of a run, None when there is none."""
    found: int | None = _RUN_PK.value(tx, run._asdict())
    return found


def run_versions(tx: Transaction, project: int, run_ids: Sequence[str]) -> dict[str, RunVersion]:
    """These runs of a project by run id; unknown ones are left out."""
    found: dict[str, RunVersion] = {}
    for batch in _batches(run_ids):
        query = select(runs.c.run_id, runs.c.id, runs.c.changed, runs.c.started_at).where(
            runs.c.project_id == project, runs.c.run_id.in_(batch)
        )
        found.update((row[0], RunVersion(*row[1:])) for row in tx.execute(query))
    return found


def last_change(tx: Transaction, project: int) -> int:
    """The last change of any run of a project; 0 when it has none."""
    query = select(func.max(runs.c.changed)).where(runs.c.project_id == project)
    return tx.execute(query).scalar() or 0


def changed_runs(tx: Transaction, project: int, since: int) -> tuple[int, list[str]]:
    """The runs of a project that changed after ``since``, and the last change of any of them."""
    query = (
        select(runs.c.run_id, runs.c.changed)
        .where(runs.c.project_id == project, runs.c.changed > since)
        .order_by(runs.c.changed)
    )
    found = list(tx.execute(query))
    return (found[-1][1] if found else since), [row[0] for row in found]


def journals_of(tx: Transaction, run_pks: Sequence[int]) -> list[JournalRow]:
    """The journals of these runs; those of one run in reading order."""
    query = select(
        journals.c.id, journals.c.run_pk, *(journals.c[name] for name in _JOURNAL_COLUMNS)
    ).order_by(journals.c.started_at, journals.c.journal)
    return _in_batches(tx, query, journals.c.run_pk, run_pks, JournalRow)


def states_with(tx: Transaction, record: str, journal_pks: Sequence[int]) -> dict[int, str]:
    """Of those of these journals that have a record of a kind: what they add up to, as JSON."""
    query = select(journals.c.id, journals.c.replay).where(
        journals.c.records.contains(f'"{record}"', autoescape=True)
    )
    return dict(_in_batches(tx, query, journals.c.id, journal_pks, lambda *row: row))


def journal_of(tx: Transaction, run: int, journal: str) -> int | None:
    """The key of one journal of a run, None when there is none."""
    query = select(journals.c.id).where(journals.c.run_pk == run, journals.c.journal == journal)
    return tx.execute(query).scalar_one_or_none()


def pieces_of(tx: Transaction, journal_pks: Sequence[int]) -> list[PieceRow]:
    """The pieces of these journals; those of one journal in order of position."""
    return _in_batches(tx, _PIECES, pieces.c.journal_pk, journal_pks, PieceRow)


def tail_pieces_of(tx: Transaction, journal_pks: Sequence[int]) -> list[PieceRow]:
    """Those of the pieces of which no segments were made yet."""
    query = _PIECES.join(journals, journals.c.id == pieces.c.journal_pk)
    query = query.where(pieces.c.start >= journals.c.flushed)
    return _in_batches(tx, query, pieces.c.journal_pk, journal_pks, PieceRow)


def stretches_of(tx: Transaction, journal_pks: Sequence[int]) -> list[StretchRow]:
    """The stretches of these journals, by number."""
    names = ("journal_pk", "number", "first_step", "last_step", "rows")
    query = select(*(stretches.c[name] for name in names)).order_by(stretches.c.number)
    return _in_batches(tx, query, stretches.c.journal_pk, journal_pks, StretchRow)


def segments_of(tx: Transaction, journal_pks: Sequence[int], kind: str) -> list[SegmentRow]:
    """The segments of one kind of these journals, those of one journal in order of rows."""
    names = (
        *("journal_pk", "kind", "blob", "rows", "first_row", "first_step", "last_step"),
        *("start", "end", "columns"),
    )
    query = (
        select(*(segments.c[name] for name in names))
        .where(segments.c.kind == kind)
        .order_by(segments.c.first_row)
    )
    return _in_batches(tx, query, segments.c.journal_pk, journal_pks, SegmentRow)


def files_of(tx: Transaction, journal_pks: Sequence[int]) -> list[FileRow]:
    """The files that these journals name, by path."""
    names = ("journal_pk", "path", "size", "digest", "updated_at")
    query = select(*(files.c[name] for name in names)).order_by(files.c.path)
    return _in_batches(tx, query, files.c.journal_pk, journal_pks, FileRow)


def totals(tx: Transaction) -> Totals:
    """How much the server holds."""
    run_count, rows = tx.execute(
        select(func.count(), func.coalesce(func.sum(runs.c.rows), 0)).select_from(runs)
    ).one()
    journal_count, position = tx.execute(
        select(func.count(), func.coalesce(func.sum(journals.c.position), 0)).select_from(journals)
    ).one()
    return Totals(run_count, rows, journal_count, position)


_RUN_COLUMNS = (
    *("run_id", "name", "exit_code", "writer", "heard_at", "created_at", "started_at"),
    *("ended_at", "group", "job_type", "notes", "tags", "config", "summary", "metadata"),
    *("defined_metrics", "metric_keys", "rows", "last_step", "duration", "proof"),
    *("stop_requested_at", "preempting", "changed"),
)
_JOURNAL_COLUMNS = (
    *(
        "journal",
        "role",
        "started_at",
        "position",
        "flushed",
        "open_row",
        "gaps",
        "rows",
        "last_step",
    ),
    *("complete", "writer", "claim", "replaces", "first_row", "label", "exit_code"),
    *("runtime_since", "records"),
)

# Made once: whoever looks up one run asks for these.
_PROJECT_MADE = Prepared(select(projects.c.id, projects.c.created_at).where(IS_PROJECT))
_RUN_PK = Prepared(
    select(runs.c.id).join(projects, projects.c.id == runs.c.project_id).where(IS_RUN)
)
_RUNS = select(
    runs.c.id, projects.c.entity, projects.c.name, *(runs.c[name] for name in _RUN_COLUMNS)
).join(projects, projects.c.id == runs.c.project_id)
_RUN_ROW = Prepared(_RUNS.where(IS_RUN))
_RUN_ROWS = _RUNS.where(runs.c.id.in_(bindparam("the_runs", expanding=True)))


def _in_batches(
    tx: Transaction, query: Select[Any], column: Any, keys: Sequence[int], make: Callable[..., _T]
) -> list[_T]:
    rows: list[Row[Any]] = []
    for batch in _batches(keys):
        rows.extend(tx.execute(query.where(column.in_(batch))))
    return [make(*row) for row in rows]


def _batches(keys: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (keys[at : at + _BATCH] for at in range(0, len(keys), _BATCH))
