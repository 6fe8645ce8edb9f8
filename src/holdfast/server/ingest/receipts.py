"""Receipts: what lies on a sender's disk compared with what the server holds.

The digest is made from the stored bytes each time, never remembered: a receipt vouches for
what can be read back. Must not know HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records.replay import Replay
from holdfast.records.values import dumps, loads
from holdfast.server.blobstore import BlobStore
from holdfast.server.ingest import deleted, merge
from holdfast.server.ingest.base import Base
from holdfast.server.ingest.errors import ClaimMismatch
from holdfast.server.metastore import contents, journals, run_state, runs
from holdfast.server.metastore.contents import HeldFile
from holdfast.server.metastore.journals import HeldJournal, HeldPiece
from holdfast.wire import Claim, FileEntry, Given, Receipt, RunRef

__all__ = ["give", "journal_bytes", "lapsed"]


def give(base: Base, run: RunPath, journal: str, claim: Claim) -> Receipt:
    """See `Ingest.receipt`."""
    with base.locks.of(run):
        with base.store.read() as tx:
            held = journals.find(tx, run, journal)
            if held is None:
                deleted.check(tx, run)
                raise NotFoundError(f"no journal {journal} of run {run}", "send its chunks first")
            pieces = journals.pieces_of(tx, held.pk)
            files = contents.files_of(tx, held.pk)
        digest = _digest(base.blobs, pieces)
        _compare(claim, held, digest, len(files))
        now = base.clock()
        with base.store.write() as tx:
            values = {"claim": dumps(claim.to_json()), "claim_at": now}
            values |= {"writer": claim.writer, "heard_at": now}
            journals.update_at(tx, held.pk, held.position, values)
            heads = merge.heads(runs.facts_of(tx, held.run_pk))
            runs.update_run(tx, held.run_pk, heads)
    heard = (heads["exit_code"], heads["writer"], heads["heard_at"])
    state = run_state(*heard, now, preempting=heads["preempting"])
    return _receipt(run, held, digest, files, state=state, now=now)


def lapsed(base: Base, given: Sequence[Given]) -> list[int]:
    """See `Ingest.lapsed`."""
    gone = []
    with base.store.read() as tx:
        for number, one in enumerate(given):
            at = journals.claimed_at(tx, one.run, one.journal, one.position)
            if at is None or at < one.at:
                gone.append(number)
    return gone


def journal_bytes(blobs: BlobStore, pieces: list[HeldPiece]) -> Iterator[bytes]:
    """A journal's bytes, as they were sent."""
    for piece in pieces:
        if piece.blob is None:
            yield piece.data or b""
        else:
            yield from blobs.open(piece.blob)


def _digest(blobs: BlobStore, pieces: list[HeldPiece]) -> str:
    found = hashlib.sha256()
    for part in journal_bytes(blobs, pieces):
        found.update(part)
    return f"sha256:{found.hexdigest()}"


def _compare(claim: Claim, held: HeldJournal, digest: str, files: int) -> None:
    """Raises ClaimMismatch when they differ."""
    why = ""
    if claim.position != held.position:
        why = f"it is at {held.position}, the claim says {claim.position}"
    elif claim.digest != digest:
        why = f"other bytes up to {held.position}"
    elif claim.files > files:  # files that the sender removed since stay here
        why = f"it has {files} files, the claim says {claim.files}"
    if why:
        raise ClaimMismatch(why, position=held.position, digest=digest, files=files)


def _receipt(
    run: RunPath,
    held: HeldJournal,
    digest: str,
    files: list[HeldFile],
    *,
    state: str,
    now: float,
) -> Receipt:
    replay = Replay.from_json(held.replay)
    return Receipt(
        run=RunRef(*run, url=""),
        journal=held.journal,
        position=held.position,
        digest=digest,
        records=dict(replay.records),
        rows=held.rows + (replay.open_row is not None),
        gaps=tuple((start, end) for start, end in loads(held.gaps)),
        files=tuple(FileEntry(file.path, file.size, file.digest) for file in files),
        state=state,
        complete=held.complete,
        at=now,
    )
