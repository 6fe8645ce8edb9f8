"""Records that no sender brings: what a wandb client says, and changes made afterwards.

They become a journal that the server writes itself, and go through `chunks` like what a sender
shipped, so that histories, downloads and rebuilds know no difference. Owns which journal a record
goes to. Must not know what a client's words mean, or HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.records.batch import Batch
from holdfast.records.decode import kind
from holdfast.records.encode import StreamCounts
from holdfast.records.replay import Replay
from holdfast.server.ingest import chunks
from holdfast.server.ingest.base import Base
from holdfast.server.ingest.errors import PositionMismatch
from holdfast.server.metastore import Transaction, journals, runs
from holdfast.server.metastore.journals import HeldJournal
from holdfast.server.metastore.runs import RunSaid
from holdfast.server.metastore.state import EDITS

__all__ = ["Held", "Say", "append", "counts", "current", "stop_requested"]

_TRIES = 50


@dataclass(frozen=True)
class Held:
    """What the server holds of a run while something is to be added.

    Args:
        run: what its row says; None for a run that is not there.
        replay: of the journal that is written on, until something is added to it; None when
            there is none yet.
        counts: lines held of the streams of the run's only client.
        greatest_step: of any row of any journal.
        stop_requested: the session that this journal holds was asked to stop.
        last_start: when the last of its journals began, Unix seconds; a further one has to begin
            later to be read after it.
    """

    run: RunSaid | None
    replay: Replay | None
    counts: StreamCounts
    greatest_step: int | None
    stop_requested: bool
    last_start: float


Say = Callable[[Held], Sequence[bytes]]
"""Says which records to add. It may be called again when another was faster, so it only looks."""


def append(
    base: Base, run: RunPath, say: Say, *, rows: Sequence[Batch], writer: str, role: str
) -> bool:
    """See `Ingest.append`."""
    with base.appending.of(run):
        return _append(base, run, say, rows=rows, writer=writer, role=role)


def _append(
    base: Base, run: RunPath, say: Say, *, rows: Sequence[Batch], writer: str, role: str
) -> bool:
    for _ in range(_TRIES):
        held, target = _look(base, run, role)
        payloads = say(held)
        try:
            if payloads and kind(payloads[0]) == "header":
                chunks.begin(base, run, chunks.Told(payloads, rows), writer)
            elif target is not None and held.replay is not None:
                told = chunks.Told(payloads, rows)
                chunks.add(base, run, target, held.replay, told, writer)
            elif payloads:
                raise ValueError("a journal begins with its header")
        except PositionMismatch:  # another process was faster
            continue
        return held.stop_requested
    raise RefusedError(
        f"too many write to run {run} at once", "try again", status=503, code="unavailable"
    )


def counts(base: Base, run: RunPath) -> StreamCounts:
    """See `Ingest.counts`."""
    return _look(base, run, "server")[0].counts


def stop_requested(base: Base, run: RunPath) -> bool:
    """See `Ingest.stop_requested`."""
    return _look(base, run, "server")[0].stop_requested


def current(base: Base, run: RunPath) -> str | None:
    """The journal that edits and files of a run go to; None when it has none."""
    with base.store.read() as tx:
        last = journals.last(tx, run)
    return last.journal if last is not None and last.role else None


def _look(base: Base, run: RunPath, role: str) -> tuple[Held, HeldJournal | None]:
    with base.store.read() as tx:
        found = journals.said_and_last(tx, run)
        if found is None:
            return Held(None, None, StreamCounts(), None, False, 0.0), None
        said, last = found
        target = last if last is None or _takes(last, role) else _other(tx, said.pk, role)
        greatest = runs.greatest_step(tx, said.pk) if said.rows else None
    replay = None if target is None else Replay.from_json(target.replay)
    # Of a run that a sender brought, the lines are its rows; its console was never sent as lines.
    counts = StreamCounts(history=said.rows)
    if replay is not None:
        counts = replay.counts.get("", StreamCounts())
    asked = said.stop_requested_at
    ended = replay is not None and replay.complete  # the next session was not meant
    stop = asked is not None and not ended and (target is None or asked >= target.started_at)
    last_start = 0.0 if last is None else last.started_at
    return Held(said, replay, counts, greatest, stop, last_start), target


def _takes(journal: HeldJournal, role: str) -> bool:
    """Whether a run's last journal is the one to write on; edits go to any of the server's own."""
    return bool(journal.role) if role == EDITS else journal.role == role


def _other(tx: Transaction, run_pk: int, role: str) -> HeldJournal | None:
    """An earlier journal to write on: of sessions the last, and of edits none."""
    return None if role == EDITS else journals.last_of_role(tx, run_pk, role)
