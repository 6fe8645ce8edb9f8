"""What sync asks of the other side: one small interface whose comments are the contract.

Owns the interface only. `http_transport` speaks it over a connection, `retry` wraps any
implementation of it, the tests have one in memory; all pass one suite
(tests/sync/test_transport_contract.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from holdfast.ids import RunPath
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    Receipt,
    Viewer,
)

__all__ = ["Transport"]


class Transport(Protocol):
    """The write side of one server, as one user.

    True of every method:

    * It may be called from several threads, and again after any failure: sending anything twice
      changes nothing.
    * What it acknowledges by returning is durable at the server.
    * It raises `UnreachableError` when no whole answer came (the server may or may not have acted),
      `AuthError` for a key that may not, `RefusedError` with its stable code for every other no.
      It never returns half a result.
    """

    def viewer(self) -> Viewer:
        """Who this key is, where runs go that name no entity, and the server's limits."""
        ...

    def position(self, journal: JournalPath) -> int:
        """How far the server holds a journal; 0 for one it has never heard of."""
        ...

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        """Append ``data``, the journal's bytes from ``start`` to the end of a frame.

        Whole frames are taken; bytes behind the last of them are not. No bytes at all only tell
        how the writer is. Raises 409 ``position_mismatch`` with ``position`` in the detail when
        the server does not stand at ``start``; then nothing was stored.
        """
        ...

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        """Say which files the run folder has now; returns the digests whose bytes are missing.

        ``blobs``, given as (digest, bytes), are stored before. Files whose bytes are there are
        named from then on; a name that an earlier list had stays.
        """
        ...

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        """How much of a blob is there."""
        ...

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        """Append a part to a blob of ``size`` bytes in all.

        Raises 409 ``offset_mismatch`` with ``offset`` in the detail when the server does not stand
        there, 422 ``digest_mismatch`` when the whole is not what its digest says (then the upload
        begins again at 0).
        """
        ...

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        """Claim what lies on disk; returns what the server holds, its digest computed now.

        Raises 409 ``claim_mismatch`` when the two differ.
        """
        ...

    def edit(self, run: RunPath, change: Edit) -> None:
        """Change what a run says of itself. No journal that was sent is touched by it.

        Raises 404 ``not_found`` for a run that is not there.
        """
        ...

    def readmit(self, run: RunPath) -> None:
        """Let a run come again that somebody deleted; nothing happens to one that is there.

        Until then every method refuses what belongs to it: 410 ``run_deleted``.
        """
        ...

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        """Which of these receipts, by their number in the list, hold no more.

        A server that was set back to an older state does not know what it confirmed since.
        """
        ...
