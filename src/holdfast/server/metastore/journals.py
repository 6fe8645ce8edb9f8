"""The statements by which a journal arrives: its row, pieces, stretches and segments.

Must not know what a journal's bytes mean, or in which order writes make a crash harmless. Each
function takes an open transaction. Statements are made once: making one costs more than running
it, and a small run is little else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from holdfast.ids import RunPath
from holdfast.server.metastore.named import IS_RUN
from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.reads import project_id
from holdfast.server.metastore.runs import SAID, RunSaid
from holdfast.server.metastore.schema import journals, pieces, projects, runs, segments, stretches
from holdfast.server.metastore.store import Transaction

__all__ = [
    "NO_KEYS",
    "HeldJournal",
    "HeldPiece",
    "HeldStretch",
    "Tails",
    "add_piece",
    "add_segments",
    "claimed_at",
    "create",
    "drop_claim",
    "find",
    "last",
    "last_of_role",
    "last_stretch",
    "make_project",
    "move_flushed",
    "pieces_from",
    "pieces_of",
    "put_stretches",
    "replace_inline",
    "said_and_last",
    "segment_ends",
    "stretches_of",
    "tails",
    "update_at",
]


NO_KEYS = '{"history": {}, "system": {}}'
"""The text of ``metric_keys`` while there are none."""


@dataclass(frozen=True)
class HeldJournal:
    """What the server holds of a journal; JSON columns as text, ``replay`` "" before any."""

    pk: int
    run_pk: int
    journal: str
    started_at: float
    runtime_since: int
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
    role: str = ""


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
    journals.c.runtime_since,
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
    journals.c.role,
)


_OF_JOURNAL = pieces.c.journal_pk == bindparam("the_journal")
_STRETCHES = select(
    stretches.c.number, stretches.c.first_step, stretches.c.last_step, stretches.c.rows
).where(stretches.c.journal_pk == bindparam("the_journal"))

_FIND = Prepared(
    select(*_HELD)
    .join(runs, runs.c.id == journals.c.run_pk)
    .join(projects, projects.c.id == runs.c.project_id)
    .where(
        IS_RUN,
        journals.c.journal == bindparam("journal"),
    )
)
_CLAIMED_AT = Prepared(
    select(journals.c.claim_at)
    .join(runs, runs.c.id == journals.c.run_pk)
    .join(projects, projects.c.id == runs.c.project_id)
    .where(
        IS_RUN,
        journals.c.journal == bindparam("journal"),
        journals.c.position >= bindparam("the_position"),
    )
)
_LAST_FIRST = (journals.c.started_at.desc(), journals.c.journal.desc())
# Ordered by keys: a journal's row is long, and only one is read.
_LAST_OF_RUN = (
    select(journals.c.id)
    .where(journals.c.run_pk == runs.c.id)
    .order_by(*_LAST_FIRST)
    .limit(1)
    .scalar_subquery()
)
_SAID_AND_LAST = Prepared(
    select(*SAID, *_HELD)
    .select_from(runs)
    .join(projects, projects.c.id == runs.c.project_id)
    .outerjoin(journals, journals.c.id == _LAST_OF_RUN.correlate(runs))
    .where(IS_RUN)
)
_LAST = Prepared(
    select(*_HELD)
    .select_from(runs)
    .join(projects, projects.c.id == runs.c.project_id)
    .join(journals, journals.c.id == _LAST_OF_RUN.correlate(runs))
    .where(IS_RUN)
)
_LAST_OF_ROLE = Prepared(
    select(*_HELD).where(
        journals.c.id
        == select(journals.c.id)
        .where(journals.c.run_pk == bindparam("the_run"), journals.c.role == bindparam("the_role"))
        .order_by(*_LAST_FIRST)
        .limit(1)
        .scalar_subquery()
    )
)
_INSERT_RUN = insert(runs)
_INSERT_JOURNAL = insert(journals)
_INSERT_PROJECT = insert(projects)
_INSERT_PIECE = Prepared(insert(pieces))
_INSERT_STRETCH = Prepared(insert(stretches))
_INSERT_SEGMENT = Prepared(insert(segments))
_FIND_RUN = Prepared(
    select(runs.c.id).where(
        runs.c.project_id == bindparam("project_id"), runs.c.run_id == bindparam("run_id")
    )
)
_UPDATE_AT = Prepared(
    update(journals).where(
        journals.c.id == bindparam("the_journal"), journals.c.position == bindparam("the_position")
    )
)
_DROP_CLAIM = Prepared(
    update(journals)
    .where(journals.c.id == bindparam("the_journal"))
    .values(claim=None, claim_at=None)
)
_MOVE_FLUSHED = Prepared(
    update(journals).where(
        journals.c.id == bindparam("the_journal"), journals.c.flushed == bindparam("the_flushed")
    )
)
_DELETE_INLINE = Prepared(
    delete(pieces).where(
        _OF_JOURNAL,
        pieces.c.blob.is_(None),
        pieces.c.start >= bindparam("low"),
        pieces.c.start < bindparam("high"),
    )
)
_PIECES = (
    select(pieces.c.start, pieces.c.end, pieces.c.blob, pieces.c.data)
    .where(_OF_JOURNAL)
    .order_by(pieces.c.start)
)
_ALL_PIECES = Prepared(_PIECES)
_PIECES_FROM = Prepared(_PIECES.where(pieces.c.start >= bindparam("low")))
_ALL_STRETCHES = Prepared(_STRETCHES.order_by(stretches.c.number))
_LAST_STRETCH = Prepared(_STRETCHES.order_by(stretches.c.number.desc()).limit(1))
_UPDATE_STRETCH = Prepared(
    update(stretches).where(
        stretches.c.journal_pk == bindparam("the_journal"),
        stretches.c.number == bindparam("the_number"),
    )
)
_SEGMENT_ENDS = Prepared(
    select(segments.c.kind, func.sum(segments.c.rows))
    .where(segments.c.journal_pk == bindparam("the_journal"))
    .group_by(segments.c.kind)
)


def find(tx: Transaction, run: RunPath, journal: str) -> HeldJournal | None:
    """A journal by name; None when nothing of it has arrived."""
    row = _FIND.first(tx, {**run._asdict(), "journal": journal})
    return None if row is None else HeldJournal(*row)


def claimed_at(tx: Transaction, run: RunPath, journal: str, position: int) -> float | None:
    """When a journal was last confirmed; None when it was not, or does not reach ``position``."""
    names = {**run._asdict(), "journal": journal, "the_position": position}
    at = _CLAIMED_AT.value(tx, names)
    return None if at is None else float(at)


def said_and_last(tx: Transaction, run: RunPath) -> tuple[RunSaid, HeldJournal | None] | None:
    """What a run says, and its last journal in reading order; None for a run that is not there."""
    row = _SAID_AND_LAST.first(tx, run._asdict())
    if row is None:
        return None
    said, last = row[: len(SAID)], row[len(SAID) :]
    return RunSaid(*said), None if last[0] is None else HeldJournal(*last)


def last_of_role(tx: Transaction, run_pk: int, role: str) -> HeldJournal | None:
    """The last journal of a run that has a role; None without one."""
    row = _LAST_OF_ROLE.first(tx, {"the_run": run_pk, "the_role": role})
    return None if row is None else HeldJournal(*row)


def last(tx: Transaction, run: RunPath) -> HeldJournal | None:
    """The last journal of a run in reading order; None when it has none."""
    row = _LAST.first(tx, run._asdict())
    return None if row is None else HeldJournal(*row)


def create(tx: Transaction, run: RunPath, journal: str, now: float) -> HeldJournal:
    """Make the rows of a journal, and of its run and project where they are missing."""
    names: dict[str, Any] = run._asdict()
    names["project_id"] = make_project(tx, run.entity, run.project, now)
    run_pk = _FIND_RUN.value(tx, names)
    if run_pk is None:
        values = {"project_id": names["project_id"], "run_id": run.run_id, "heard_at": now}
        values |= {"created_at": now, "started_at": now, "changed": 0}
        run_pk = _inserted(tx, _INSERT_RUN, values)
    values = {"run_pk": run_pk, "journal": journal, "started_at": now, "heard_at": now}
    values |= {"replay": "", "metric_keys": NO_KEYS, "gaps": "[]"}
    pk = _inserted(tx, _INSERT_JOURNAL, values)
    return HeldJournal(
        pk, run_pk, journal, now, 0, 0, 0, 0, "", NO_KEYS, "[]", 0, None, False, None
    )


def make_project(tx: Transaction, entity: str, project: str, now: float) -> int:
    """The key of a project, which is made when it is new."""
    found = project_id(tx, entity, project)
    if found is None:
        values = {"entity": entity, "name": project, "created_at": now}
        return _inserted(tx, _INSERT_PROJECT, values)
    return found


def _inserted(tx: Transaction, statement: Any, values: Mapping[str, Any]) -> int:
    key: Any = tx.execute(statement, values).inserted_primary_key
    return int(key[0])


def update_at(tx: Transaction, pk: int, position: int, values: Mapping[str, Any]) -> bool:
    """Change a journal's row if it still stands at ``position``; False when it does not."""
    where = {"the_journal": pk, "the_position": position}
    return bool(_UPDATE_AT.change(tx, {**values, **where}))


def drop_claim(tx: Transaction, pk: int) -> None:
    """Forget what was claimed of a journal."""
    _DROP_CLAIM.change(tx, {"the_journal": pk})


def add_piece(tx: Transaction, pk: int, piece: HeldPiece) -> None:
    """Add the bytes that follow those of the last piece."""
    values = {"start": piece.start, "end": piece.end, "blob": piece.blob, "data": piece.data}
    _INSERT_PIECE.change(tx, {"journal_pk": pk, **values})


def move_flushed(tx: Transaction, held: HeldJournal, position: int, rows: int) -> bool:
    """Say up to which position, and how many rows, segments were made.

    False when that is no longer what ``held`` says: another was faster.
    """
    where = {"the_journal": held.pk, "the_flushed": held.flushed}
    values = {"flushed": position, "flushed_rows": rows}
    return bool(_MOVE_FLUSHED.change(tx, {**values, **where}))


def replace_inline(
    tx: Transaction, pk: int, span: tuple[int, int], new: Sequence[HeldPiece]
) -> None:
    """Put pieces in the place of the inline ones that begin in a span of positions."""
    _DELETE_INLINE.change(tx, {"the_journal": pk, "low": span[0], "high": span[1]})
    for piece in new:
        add_piece(tx, pk, piece)


def pieces_of(tx: Transaction, pk: int) -> list[HeldPiece]:
    """All of a journal's pieces, in order."""
    return [HeldPiece(*row) for row in _ALL_PIECES.all(tx, {"the_journal": pk})]


def pieces_from(tx: Transaction, pk: int, position: int) -> list[HeldPiece]:
    """The pieces from a position on, in order."""
    return [HeldPiece(*row) for row in _PIECES_FROM.all(tx, {"the_journal": pk, "low": position})]


def stretches_of(tx: Transaction, pk: int) -> list[HeldStretch]:
    """All stretches of a journal, in order."""
    return [HeldStretch(*row) for row in _ALL_STRETCHES.all(tx, {"the_journal": pk})]


def last_stretch(tx: Transaction, pk: int) -> HeldStretch | None:
    """The last stretch of a journal; None when there is none."""
    row = _LAST_STRETCH.first(tx, {"the_journal": pk})
    return None if row is None else HeldStretch(*row)


def put_stretches(
    tx: Transaction, pk: int, found: Sequence[Mapping[str, int]], last: HeldStretch | None
) -> None:
    """Store stretches by number: the first one may be ``last``, the last one there, longer now."""
    longer = [stretch for stretch in found if last and stretch["number"] == last.number]
    for stretch in longer:
        where = {"the_journal": pk, "the_number": stretch["number"]}
        _UPDATE_STRETCH.change(tx, {**stretch, **where})
    new = [{"journal_pk": pk, **stretch} for stretch in found[len(longer) :]]
    _INSERT_STRETCH.change(tx, *new)


def add_segments(tx: Transaction, pk: int, found: Sequence[Mapping[str, Any]]) -> None:
    """Name segments of a journal, each a row of the table without its keys."""
    _INSERT_SEGMENT.change(tx, *({"journal_pk": pk, **segment} for segment in found))


def segment_ends(tx: Transaction, pk: int) -> dict[str, int]:
    """{kind: how many rows of it are in segments}."""
    return {kind: int(total) for kind, total in _SEGMENT_ENDS.all(tx, {"the_journal": pk})}


class Tails(NamedTuple):
    """Which tails are worth a segment.

    Args:
        idle: of a journal not heard of since then (Unix seconds): any.
        resting: of one not heard of since then: of ``long`` bytes and more.
        long, huge: bytes; a tail of ``huge`` bytes always is.
    """

    idle: float
    resting: float
    long: int
    huge: int


def tails(tx: Transaction, which: Tails, limit: int) -> list[tuple[RunPath, str]]:
    """Journals with such a tail, the longest unheard of first."""
    length = journals.c.position - journals.c.flushed
    rows = tx.execute(
        select(projects.c.entity, projects.c.name, runs.c.run_id, journals.c.journal)
        .join(runs, runs.c.project_id == projects.c.id)
        .join(journals, journals.c.run_pk == runs.c.id)
        .where(
            journals.c.position > journals.c.flushed,
            or_(
                journals.c.heard_at < which.idle,
                and_(length >= which.long, journals.c.heard_at < which.resting),
                length >= which.huge,
            ),
        )
        .order_by(journals.c.heard_at)
        .limit(limit)
    )
    return [(RunPath(entity, name, run_id), journal) for entity, name, run_id, journal in rows]
