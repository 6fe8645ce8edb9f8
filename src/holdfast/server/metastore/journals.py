"""The statements by which a journal arrives: its row, pieces, stretches and segments.

Must not know what a journal's bytes mean, or in which order writes make a crash harmless. Each
function takes an open transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from holdfast.ids import RunPath
from holdfast.server.metastore.schema import journals, pieces, projects, runs, segments, stretches
from holdfast.server.metastore.store import Transaction

__all__ = [
    "HeldJournal",
    "HeldPiece",
    "HeldStretch",
    "add_piece",
    "add_segments",
    "create",
    "find",
    "flush_tail",
    "idle_tails",
    "last_stretch",
    "pieces_of",
    "put_stretches",
    "segment_ends",
    "stretches_of",
    "tail_of",
    "update_at",
]


@dataclass(frozen=True)
class HeldJournal:
    """What the server holds of a journal; JSON columns as text."""

    pk: int
    run_pk: int
    journal: str
    started_at: float
    position: int
    flushed: int
    flushed_rows: int
    replay: str
    metric_keys: str
    gaps: str
    rows: int
    last_step: int | None
    complete: bool
    claim: str | None


@dataclass(frozen=True)
class HeldPiece:
    """Some of a journal's bytes: in a blob, or inline."""

    start: int
    end: int
    blob: str | None
    data: bytes | None


class HeldStretch(NamedTuple):
    """A stretch of a journal."""

    number: int
    first_step: int
    last_step: int
    rows: int


_HELD = (
    journals.c.id,
    journals.c.run_pk,
    journals.c.journal,
    journals.c.started_at,
    journals.c.position,
    journals.c.flushed,
    journals.c.flushed_rows,
    journals.c.replay,
    journals.c.metric_keys,
    journals.c.gaps,
    journals.c.rows,
    journals.c.last_step,
    journals.c.complete,
    journals.c.claim,
)


def find(tx: Transaction, run: RunPath, journal: str) -> HeldJournal | None:
    """A journal by name; None when nothing of it has arrived."""
    row = tx.execute(
        select(*_HELD)
        .join(runs, runs.c.id == journals.c.run_pk)
        .join(projects, projects.c.id == runs.c.project_id)
        .where(
            projects.c.entity == run.entity,
            projects.c.name == run.project,
            runs.c.run_id == run.run_id,
            journals.c.journal == journal,
        )
    ).first()
    return None if row is None else HeldJournal(*tuple(row))


def create(tx: Transaction, run: RunPath, journal: str, now: float) -> HeldJournal:
    """Make the rows of a journal, and of its run and project where they are missing."""
    project = _project(tx, run, now)
    run_pk = tx.execute(
        select(runs.c.id).where(runs.c.project_id == project, runs.c.run_id == run.run_id)
    ).scalar()
    if run_pk is None:
        values = {"project_id": project, "run_id": run.run_id, "heard_at": now}
        values |= {"created_at": now, "started_at": now, "changed": 0}
        run_pk = _inserted(tx, insert(runs).values(values))
    values = {"run_pk": run_pk, "journal": journal, "started_at": now, "heard_at": now}
    pk = _inserted(tx, insert(journals).values(values))
    return HeldJournal(*tuple(tx.execute(select(*_HELD).where(journals.c.id == pk)).one()))


def _project(tx: Transaction, run: RunPath, now: float) -> int:
    pk = tx.execute(
        select(projects.c.id).where(projects.c.entity == run.entity, projects.c.name == run.project)
    ).scalar()
    if pk is None:
        values = {"entity": run.entity, "name": run.project, "created_at": now}
        pk = _inserted(tx, insert(projects).values(values))
    return int(pk)


def _inserted(tx: Transaction, statement: Any) -> int:
    key: Any = tx.execute(statement).inserted_primary_key
    return int(key[0])


def update_at(tx: Transaction, pk: int, position: int, values: Mapping[str, Any]) -> bool:
    """Change a journal's row if it still stands at ``position``; False when it does not."""
    found = tx.execute(
        update(journals)
        .where(journals.c.id == pk, journals.c.position == position)
        .values(dict(values))
    )
    return bool(found.rowcount)


def add_piece(tx: Transaction, pk: int, piece: HeldPiece) -> None:
    """Add the bytes that follow those of the last piece."""
    tx.execute(
        insert(pieces).values(
            journal_pk=pk, start=piece.start, end=piece.end, blob=piece.blob, data=piece.data
        )
    )


def flush_tail(tx: Transaction, pk: int, piece: HeldPiece) -> None:
    """Put one piece in the place of all inline ones."""
    tx.execute(delete(pieces).where(pieces.c.journal_pk == pk, pieces.c.blob.is_(None)))
    add_piece(tx, pk, piece)


def pieces_of(tx: Transaction, pk: int) -> list[HeldPiece]:
    """All of a journal's pieces, in order."""
    columns = (pieces.c.start, pieces.c.end, pieces.c.blob, pieces.c.data)
    rows = tx.execute(select(*columns).where(pieces.c.journal_pk == pk).order_by(pieces.c.start))
    return [HeldPiece(*row) for row in rows]


def tail_of(tx: Transaction, pk: int) -> bytes:
    """The bytes of the inline pieces, in order."""
    rows = tx.execute(
        select(pieces.c.data)
        .where(pieces.c.journal_pk == pk, pieces.c.blob.is_(None))
        .order_by(pieces.c.start)
    )
    return b"".join(data for (data,) in rows)


_STRETCH = (
    stretches.c.number,
    stretches.c.first_step,
    stretches.c.last_step,
    stretches.c.rows,
)


def stretches_of(tx: Transaction, pk: int) -> list[HeldStretch]:
    """All stretches of a journal, in order."""
    rows = tx.execute(
        select(*_STRETCH).where(stretches.c.journal_pk == pk).order_by(stretches.c.number)
    )
    return [HeldStretch(*row) for row in rows]


def last_stretch(tx: Transaction, pk: int) -> HeldStretch | None:
    """The last stretch of a journal; None when there is none."""
    row = tx.execute(
        select(*_STRETCH)
        .where(stretches.c.journal_pk == pk)
        .order_by(stretches.c.number.desc())
        .limit(1)
    ).first()
    return None if row is None else HeldStretch(*row)


def put_stretches(tx: Transaction, pk: int, found: Sequence[Mapping[str, int]]) -> None:
    """Store stretches by number: the first one may be there already, longer now."""
    if not found:
        return
    first, rest = dict(found[0]), [{"journal_pk": pk, **stretch} for stretch in found[1:]]
    changed = tx.execute(
        update(stretches)
        .where(stretches.c.journal_pk == pk, stretches.c.number == first["number"])
        .values(first)
    )
    if not changed.rowcount:
        rest.insert(0, {"journal_pk": pk, **first})
    if rest:
        tx.execute(insert(stretches), rest)


def add_segments(tx: Transaction, pk: int, found: Sequence[Mapping[str, Any]]) -> None:
    """Name segments of a journal, each a row of the table without its keys."""
    if found:
        tx.execute(insert(segments), [{"journal_pk": pk, **segment} for segment in found])


def segment_ends(tx: Transaction, pk: int) -> dict[str, int]:
    """{kind: how many rows of it are in segments}."""
    rows = tx.execute(
        select(segments.c.kind, func.sum(segments.c.rows))
        .where(segments.c.journal_pk == pk)
        .group_by(segments.c.kind)
    )
    return {kind: int(total) for kind, total in rows}


def idle_tails(tx: Transaction, before: float, limit: int) -> list[tuple[RunPath, str]]:
    """Journals with a tail that have not been heard of since ``before``, the longest idle first."""
    rows = tx.execute(
        select(projects.c.entity, projects.c.name, runs.c.run_id, journals.c.journal)
        .join(runs, runs.c.project_id == projects.c.id)
        .join(journals, journals.c.run_pk == runs.c.id)
        .where(journals.c.position > journals.c.flushed, journals.c.heard_at < before)
        .order_by(journals.c.heard_at)
        .limit(limit)
    )
    return [(RunPath(entity, name, run_id), journal) for entity, name, run_id, journal in rows]
