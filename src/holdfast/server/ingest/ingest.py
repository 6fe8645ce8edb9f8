"""The one way into the stores: what the API calls.

Must not know HTTP. Every call may be repeated and changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.ids import RunPath
from holdfast.records.batch import Batch
from holdfast.records.encode import StreamCounts
from holdfast.server.blobstore import BlobStore
from holdfast.server.ingest import append, chunks, deleted, files, receipts, upkeep, whole
from holdfast.server.ingest.append import Say
from holdfast.server.ingest.base import Base
from holdfast.server.metastore import MetaStore
from holdfast.server.metastore.state import CLIENT
from holdfast.wire import Claim, FileEntry, Given, PartAnswer, Receipt
from holdfast.wire.paths import check_journal_id

__all__ = ["Ingest"]


class Ingest:
    """Takes what senders bring.

    All methods may be called from several threads. They raise RefusedError 507 ``storage_full``
    when a disk is full, and then nothing of the call was stored.

    Args:
        store: the metastore.
        blobs: the blob store.
    """

    def __init__(self, store: MetaStore, blobs: BlobStore) -> None:
        self._base = Base(store, blobs)

    def position(self, run: RunPath, journal: str) -> int:
        """How far the server holds a journal, in bytes; 0 for an unknown one."""
        return chunks.position(self._base, run, check_journal_id(journal))

    def chunk(self, run: RunPath, journal: str, start: int, data: bytes, writer: str) -> int:
        """Take the bytes of a journal from position ``start`` on; returns the new position.

        Bytes after the last whole frame are left. No bytes at all only say how the writer is.

        Args:
            run: the run; it and its project are made when they are new.
            journal: the journal's id.
            start: where ``data`` begins.
            data: whole frames, damaged stretches between them left in.
            writer: alive, gone or unknown.

        Raises:
            PositionMismatch: the server stands elsewhere; ``position`` says where.
            RefusedError: 422 ``invalid`` when there is no whole frame; 400 for a bad id.
        """
        return chunks.take(self._base, run, check_journal_id(journal), (start, data), writer)

    def name_files(
        self,
        run: RunPath,
        journal: str | None,
        entries: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        """Name the files whose bytes are there; returns the digests of those still missing.

        Args:
            run: the run.
            journal: the journal's id; None for the run's last one, if the server writes that.
            entries: what the run folder has.
            blobs: bytes to be stored first, as (digest, bytes); that the one is the other's was
                checked.

        Raises:
            NotFoundError: no such journal.
            RefusedError: a path that leaves the run, a size that is not the digest's.
        """
        named = None if journal is None else check_journal_id(journal)
        return files.name_files(self._base, run, named, entries, blobs)

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        """How much of a blob is there."""
        return files.upload_state(self._base, entity, digest)

    def put_part(self, entity: str, digest: str, offset: int, size: int, data: bytes) -> PartAnswer:
        """Take the next part of a blob of ``size`` bytes.

        Raises:
            RefusedError: 409 ``offset_mismatch`` (``detail["offset"]``); 422 ``invalid`` when the
                part goes beyond ``size``; 422 ``digest_mismatch`` after the last part, when the
                upload is forgotten.
        """
        return files.put_part(self._base, entity, digest, (offset, data), size)

    def put_file(self, run: RunPath, journal: str, path: str, pieces: Iterable[bytes]) -> FileEntry:
        """Store bytes whose digest nobody knows yet, and name them as a file of a run.

        Raises:
            NotFoundError: no such journal.
            RefusedError: a path that leaves the run.
        """
        return files.put_file(self._base, run, check_journal_id(journal), path, pieces)

    def forget_file(self, run: RunPath, path: str) -> bool:
        """Take a file out of a run; False when it has none of this path."""
        return files.forget_file(self._base, run, path)

    def make_project(self, entity: str, project: str) -> bool:
        """Make a project that may stay empty; False when it is there."""
        return whole.make_project(self._base, entity, project)

    def receipt(self, run: RunPath, journal: str, claim: Claim) -> Receipt:
        """Compare a claim with what is held; the receipt's url is left empty.

        Raises:
            NotFoundError: no such journal.
            ClaimMismatch: they differ.
        """
        return receipts.give(self._base, run, check_journal_id(journal), claim)

    def lapsed(self, given: Sequence[Given]) -> list[int]:
        """The numbers of those receipts, given before, that hold no more.

        One holds while nothing was set back: the journal reaches as far, and has been confirmed
        then or later, with no other file named since.
        """
        return receipts.lapsed(self._base, given)

    def append(
        self,
        run: RunPath,
        say: Say,
        *,
        rows: Sequence[Batch] = (),
        writer: str = CLIENT,
        role: str = "server",
    ) -> bool:
        """Add records to a journal that the server writes itself.

        Args:
            run: the run; it and its project are made when they are new.
            say: told what is held, says which records to add: none to say only how the writer is;
                with a header first and a run record among them they begin a journal of their own.
            rows: the rows that may be among them, as `Replay.apply` takes them.
            writer: as for `chunk`, or `CLIENT`.
            role: ``server`` for what a client says of its session; ``edits`` for changes made to
                the run by others, which go to the run's last journal if that is the server's.

        Returns:
            Whether the session that was held before was asked to stop.

        Raises:
            RefusedError: 503 ``unavailable`` when others are faster again and again.
        """
        return append.append(self._base, run, say, rows=rows, writer=writer, role=role)

    def counts(self, run: RunPath) -> StreamCounts:
        """How many lines of each stream of a client are held; none for an unknown run."""
        return append.counts(self._base, run)

    def current_journal(self, run: RunPath) -> str | None:
        """The journal that the server writes on when it edits a run; None when there is none."""
        return append.current(self._base, run)

    def request_stop(self, run: RunPath) -> None:
        """Ask the session that runs now to stop; a client learns of it when it next sends.

        Raises:
            NotFoundError: no such run.
        """
        whole.request_stop(self._base, run)

    def stop_requested(self, run: RunPath) -> bool:
        """Whether the run's last session was asked to stop; False for an unknown run."""
        return append.stop_requested(self._base, run)

    def remove_run(self, run: RunPath, by: str) -> bool:
        """Remove a run and all that is known of it; False when there is none.

        From then on it is refused (410 ``run_deleted``), until `readmit`. Its blobs are swept an
        hour later, unless another run names them too.

        Args:
            run: the run.
            by: the name of the user who wants it.
        """
        return deleted.remove_run(self._base, run, by)

    def readmit(self, run: RunPath) -> None:
        """Take a run again that was deleted; nothing happens when it was not."""
        deleted.readmit(self._base, run)

    def flush(self, limit: int, *, idle: float = 30.0) -> int:
        """Write out tails of journals not heard of for ``idle`` seconds; returns how many.

        Args:
            limit: at most so many.
            idle: seconds.
        """
        return upkeep.flush(self._base, limit, idle)

    def pack(self) -> bool:
        """Make one blob of small files that lie in the metastore; False when there are too few."""
        return upkeep.pack(self._base)

    def sweep(self) -> int:
        """Remove what crashes and quitters left; returns how many.

        That is blobs over an hour old that no row names, and uploads that rested for a week.
        """
        return upkeep.sweep(self._base)
