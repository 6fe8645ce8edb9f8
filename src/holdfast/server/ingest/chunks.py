"""Chunks of a journal: taken in order, once each, with all that follows from them.

The order that makes a crash harmless: a long chunk's bytes first, as a blob; then one transaction
that moves the position, the bytes or their name, stretches and the run's row together. Segments
are made later, and nobody waits for them (`segments`). Must not know HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from holdfast import journal as framing
from holdfast.ids import RunPath
from holdfast.records.batch import Batch
from holdfast.records.decode import kind
from holdfast.records.replay import Applied, Replay
from holdfast.records.values import dumps, loads
from holdfast.server.history import (
    Stretch,
    batch_kinds,
    cut_after,
    extend,
    merge_kinds,
    row_kinds,
    step_array,
)
from holdfast.server.ingest import deleted, merge
from holdfast.server.ingest.base import INLINE_BYTES, Base, journal_blob
from holdfast.server.ingest.errors import PositionMismatch, invalid
from holdfast.server.metastore import Transaction, journals, runs
from holdfast.server.metastore.journals import NO_KEYS, HeldJournal, HeldPiece
from holdfast.wire import JournalPath, journal_id

__all__ = ["Told", "add", "begin", "position", "take"]


def position(base: Base, run: RunPath, journal: str) -> int:
    """How far the server holds a journal; 0 for one it does not know."""
    with base.store.read() as tx:
        held = journals.find(tx, run, journal)
        if held is None:
            deleted.check(tx, run)
    return 0 if held is None else held.position


def take(base: Base, run: RunPath, journal: str, chunk: tuple[int, bytes], writer: str) -> int:
    """Take a chunk, given as (start, bytes); see `Ingest.chunk`."""
    start, data = chunk
    with base.locks.of(run):
        with base.store.read() as tx:
            held = journals.find(tx, run, journal)
            if held is None:
                deleted.check(tx, run)
        at = 0 if held is None else held.position
        if start != at:
            raise PositionMismatch(at)
        if not data:
            if held is not None:
                _hear(base, held, writer)
            return at
        replay = Replay() if held is None else Replay.from_json(held.replay)
        frames = _read(data, start)
        _keep(base, JournalPath(run, journal), held, replay, frames, writer)
    return frames.end


class Told(NamedTuple):
    """Records of the server's own; ``rows`` as `Replay.apply` takes them."""

    payloads: Sequence[bytes]
    rows: Sequence[Batch] = ()


def begin(base: Base, run: RunPath, told: Told, writer: str) -> None:
    """Begin a journal of the server's own with records among which one says who the run is.

    That record was made a moment ago and names the time, so no journal has its id yet.

    Raises:
        RunDeleted: the run was.
    """
    journal = journal_id(next(one for one in told.payloads if kind(one) == "run"))
    frames = _framed(told, 0)
    with base.locks.of(run):
        _keep(base, JournalPath(run, journal), None, Replay(), frames, writer)


def add(
    base: Base, run: RunPath, held: HeldJournal, replay: Replay, told: Told, writer: str
) -> None:
    """Add records of the server's own to a journal, as it was found a moment ago.

    Args:
        base: the stores.
        run: the run.
        held: the journal.
        replay: what it holds; used up, also when this fails.
        told: the records; none to say only how the writer is.
        writer: as for `take`.

    Raises:
        PositionMismatch: it has grown since.
    """
    with base.locks.of(run):
        if not told.payloads:
            _hear(base, held, writer)
            return
        frames = _framed(told, held.position)
        _keep(base, JournalPath(run, held.journal), held, replay, frames, writer)


class _Frames(NamedTuple):
    """A chunk taken apart: where its whole frames begin and end, and what is between them."""

    start: int
    end: int
    data: bytes
    gaps: list[list[int]]
    payloads: Sequence[bytes]
    rows: Sequence[Batch] = ()


def _framed(told: Told, start: int) -> _Frames:
    data = framing.frames(told.payloads, start)
    return _Frames(start, start + len(data), data, [], *told)


@dataclass
class _Arrived:
    """A chunk up to its last whole frame and what it says: the journal after it."""

    start: int
    end: int
    gaps: list[list[int]]
    replay: Replay
    applied: Applied


def _read(data: bytes, start: int) -> _Frames:
    found = framing.scan_payloads(data, start)
    if not found.payloads:
        raise invalid(
            f"the {len(data)} bytes from {start} on hold no whole frame", "send whole frames"
        )
    gaps = [[gap.start, gap.end] for gap in found.gaps]
    return _Frames(start, found.end, data[: found.end - start], gaps, found.payloads)


def _arrived(held: HeldJournal | None, replay: Replay, frames: _Frames) -> _Arrived:
    gaps: list[list[int]] = [] if held is None else loads(held.gaps)
    told = len(replay.lost)
    applied = replay.apply(frames.payloads, frames.rows)
    gaps += frames.gaps
    gaps += replay.lost[told:]  # of the journals that this one was repaired from
    return _Arrived(frames.start, frames.end, gaps, replay, applied)


def _keep(
    base: Base,
    of: JournalPath,
    held: HeldJournal | None,
    replay: Replay,
    frames: _Frames,
    writer: str,
) -> None:
    """Replay a chunk and store it, and make its journal when it is new."""
    arrived, piece = _taken(base, of.journal, held, replay, frames)
    now = base.clock()
    values = _values(held, arrived, writer, now)
    with base.store.write(durable=False) as tx:
        if held is None:
            deleted.check(tx, of.run)  # here too: another process may have deleted it since
            held = journals.create(tx, of.run, of.journal, now)
        _store(tx, held, arrived, piece, values)


def _taken(
    base: Base, journal: str, held: HeldJournal | None, replay: Replay, frames: _Frames
) -> tuple[_Arrived, HeldPiece]:
    """Replay a chunk; the bytes of a long one are brought to the blob store meanwhile."""
    start, end, data = frames.start, frames.end, frames.data
    if len(data) < INLINE_BYTES:
        return _arrived(held, replay, frames), HeldPiece(start, end, None, data)
    name = journal_blob(journal, start, end)
    with ThreadPoolExecutor(1, "holdfast-blob") as beside:
        put = beside.submit(base.blobs.put, name, [data])
        arrived = _arrived(held, replay, frames)
        put.result()
    return arrived, HeldPiece(start, end, name, None)


def _further(last: Stretch | None, held: HeldJournal | None, arrived: _Arrived) -> list[Stretch]:
    """The stretches that the chunk's rows make."""
    steps = step_array([step for batch in arrived.applied.rows for step in batch.steps])
    return extend(last, None if held is None else held.last_step, steps)


def _values(held: HeldJournal | None, arrived: _Arrived, writer: str, now: float) -> dict[str, Any]:
    """The journal's row after the chunk."""
    replay = arrived.replay
    started_at = now if held is None else held.started_at
    if replay.run is not None and replay.run.start_time > 0:
        started_at = replay.run.start_time
    return {
        "role": replay.role,
        "label": "" if replay.run is None else replay.run.label,
        "started_at": started_at,
        "runtime_since": replay.runtime_since,
        "position": arrived.end,
        "replay": replay.to_json(),
        "metric_keys": dumps(_kinds(held, arrived)),
        "records": dumps(dict(replay.records)),
        "gaps": dumps(arrived.gaps),
        "replaces": dumps(replay.replaces),
        "rows": replay.rows,
        "first_row": None if replay.first_row is None else dumps(replay.first_row),
        "open_row": None if replay.open_row is None else dumps(replay.open_row),
        "last_step": _last_step(replay),
        "duration": merge.journal_duration(replay, started_at),
        "exit_code": replay.exit_code,
        "complete": replay.complete,
        "writer": writer,
        "heard_at": now,
    }


def _kinds(held: HeldJournal | None, arrived: _Arrived) -> dict[str, dict[str, str]]:
    kinds: dict[str, dict[str, str]] = loads(NO_KEYS if held is None else held.metric_keys)
    merge_kinds(kinds["history"], batch_kinds(arrived.applied.rows))
    if arrived.replay.open_row is not None:
        merge_kinds(kinds["history"], row_kinds([arrived.replay.open_row]))
        kinds["history"].pop("_step", None)
    merge_kinds(kinds["system"], row_kinds([stat.values for stat in arrived.applied.stats]))
    return kinds


def _last_step(replay: Replay) -> int | None:
    return None if replay.last_step is None else int(step_array([replay.last_step])[0])


def _store(
    tx: Transaction,
    held: HeldJournal,
    arrived: _Arrived,
    piece: HeldPiece,
    values: dict[str, Any],
) -> None:
    """All rows that change with the chunk, in the caller's transaction."""
    if not journals.update_at(tx, held.pk, arrived.start, values):
        raise PositionMismatch(_position(tx, held))
    rewound_to = arrived.replay.rewound_to
    if arrived.start == 0 and rewound_to is not None:
        journals.put_stretches(tx, held.pk, [asdict(cut_after(rewound_to))], None)
    if arrived.applied.rows:
        last = journals.last_stretch(tx, held.pk)
        more = _further(None if last is None else Stretch(*last), held, arrived)
        journals.put_stretches(tx, held.pk, [asdict(stretch) for stretch in more], last)
    journals.add_piece(tx, held.pk, piece)
    _renew_run(tx, held, arrived.replay, values["metric_keys"])


def _position(tx: Transaction, held: HeldJournal) -> int:
    """Where a journal stands now: at 0 when its run was deleted meanwhile."""
    facts = runs.facts_of(tx, held.run_pk)
    return next((fact.position for fact in facts if fact.pk == held.pk), 0)


def _renew_run(tx: Transaction, held: HeldJournal, replay: Replay, keys: str) -> None:
    """Derive the run's row anew; of the other journals, if any, the replays have to be read."""
    facts = runs.facts_of(tx, held.run_pk)
    texts = runs.replays_of(tx, held.run_pk) if len(facts) > 1 else {}
    replays, kinds = [], []
    for fact in merge.told_by(facts):
        mine = fact.pk == held.pk
        replays.append(replay if mine else Replay.from_json(texts[fact.pk][0]))
        kinds.append(keys if mine else texts[fact.pk][1])
    said = merge.said(replays, kinds)
    runs.update_run(tx, held.run_pk, {**said, **merge.heads(facts)})


def _hear(base: Base, held: HeldJournal, writer: str) -> None:
    """Remember how the writer is; a run whose writer went on as before has not changed."""
    with base.store.write(durable=False) as tx:
        before = merge.heads(runs.facts_of(tx, held.run_pk))
        values = {"writer": writer, "heard_at": base.clock()}
        journals.update_at(tx, held.pk, held.position, values)
        after = merge.heads(runs.facts_of(tx, held.run_pk))
        changed = before["writer"] != after["writer"]
        runs.update_run(tx, held.run_pk, after, changed=changed)
