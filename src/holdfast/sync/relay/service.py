"""What a relay answers: from its spool what is there, from the server what only a server can say.

Owns the rule that a relay confirms nothing by itself: a receipt is the server's, asked for now, or
there is none. Each answer comes before its asker gives up, also when the server gives none. Must
not know HTTP, nor how the spool is forwarded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from holdfast.errors import (
    AuthError,
    HoldfastError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
)
from holdfast.ids import RunPath
from holdfast.rundir import RunDir
from holdfast.sync.relay.asking import Asking
from holdfast.sync.relay.spool import Spool
from holdfast.sync.transport import Transport
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    Receipt,
    Room,
    RunRef,
    Viewer,
    paths,
)

__all__ = ["Relay"]

_WAIT_SECONDS = 15.0  # askers wait 20 s, by default of setting http_timeout
_SOON_SECONDS = 5.0  # of what is asked before runs are sent, for which a claim waits once more
_POLL_SECONDS = 0.5
_NOT_YET = {"claim_mismatch", "not_found"}


class Relay:
    """`holdfast.sync.transport.Transport` with a spool for a server behind it.

    It raises UnconfirmedError where the server is needed and has not what is asked about.

    Args:
        spool: where everything is kept.
        server: the server; it tries nothing twice.
        viewer: the server's first answer.
        server_url: its address, for the addresses of runs.
        address: the relay's own, for people.
        trouble: why a run is not forwarded, or None.
    """

    def __init__(
        self,
        spool: Spool,
        server: Transport,
        viewer: Viewer,
        *,
        server_url: str,
        address: str,
        trouble: Callable[[RunDir], HoldfastError | None] = lambda _: None,
    ) -> None:
        self._spool = spool
        self._server = server
        self._viewer = viewer
        self._server_url = server_url
        self._address = address
        self._trouble = trouble
        self._asking = Asking()
        self._stop = threading.Event()

    def stop(self) -> None:
        """End all waits."""
        self._stop.set()

    def viewer(self) -> Viewer:
        """See the contract: what the server said, but for the disk, which is the spool's."""
        disk = Room.if_known(self._spool.folder)
        return replace(self._viewer, disk=disk, relay_for=self._server_url)

    def position(self, journal: JournalPath) -> int:
        """See the contract: how far the spool holds it."""
        return self._spool.position(journal)

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        """See the contract."""
        position = self._spool.append(journal, start, data, writer)
        url = f"{self._server_url}{paths.page(journal.run)}"
        return ChunkAnswer(position, RunRef(*journal.run, url))

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        """See the contract."""
        self._spool.blobs.put(blobs)
        return self._spool.name_files(journal, files)

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        """See the contract; a spool is one user's, whose entities share it."""
        return self._spool.blobs.state(digest)

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        """See the contract."""
        return self._spool.blobs.put_part(digest, offset, size, data)

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        """The server's own receipt for the same claim.

        The server is given some seconds to get what it lacks, which is on its way to it, and to
        answer.

        Raises:
            UnconfirmedError: the spool holds all that is claimed, the server does not yet.
            RefusedError: the spool does not hold it, or the server says no.
            AuthError: the server does not take the key any more.
        """
        deadline = time.monotonic() + _WAIT_SECONDS
        if not self._spool.holds(journal):
            return self._receipt_of_another(journal, claim, deadline)
        run_dir = self._spool.check(journal, claim)
        stirred = False
        while True:
            try:
                if self._position(journal, deadline) >= claim.position:
                    receipt = self._receipt(journal, claim, deadline)
                    self._spool.answer(journal)
                    return receipt
            except AuthError:
                raise
            except HoldfastError as error:
                self._pass_over(run_dir, error)
            if not stirred and run_dir.receipt.exists():
                # Forwarded and confirmed before: the server was set back, or there is more now.
                self._spool.stir(run_dir)
                stirred = True
            if time.monotonic() > deadline or self._stop.wait(_POLL_SECONDS):
                raise self._held(run_dir)

    def _pass_over(self, run_dir: RunDir, error: HoldfastError) -> None:
        """Return when the server may say something else in a moment, else raise what it means.

        A connection that breaks, and a server that starts again, are passed over for some seconds.
        """
        if isinstance(error, RefusedError) and error.status < 500:
            if error.code not in _NOT_YET and error.status != 429:
                raise error
        elif not 0 < self._asking.failing_for < _SOON_SECONDS:
            raise self._held(run_dir, error) from error

    def _position(self, journal: JournalPath, deadline: float) -> int:
        left = deadline - time.monotonic()
        return self._asking.ask(lambda: self._server.position(journal), left)

    def _receipt(self, journal: JournalPath, claim: Claim, deadline: float) -> Receipt:
        left = deadline - time.monotonic()
        return self._asking.ask(lambda: self._server.receipt(journal, claim), left)

    def _receipt_of_another(self, journal: JournalPath, claim: Claim, deadline: float) -> Receipt:
        """The server's receipt for a run that is not in the spool, maybe not any more.

        Raises:
            UnconfirmedError: the server cannot be asked.
            RefusedError: the server does not hold it: 404 ``not_found``, as for any unknown run.
        """
        try:
            return self._receipt(journal, claim, deadline)
        except AuthError:
            raise
        except HoldfastError as error:
            if isinstance(error, RefusedError) and error.code in _NOT_YET:
                self._spool.check(journal, claim)  # raises that it is not here
            if isinstance(error, RefusedError) and error.status < 500 and error.status != 429:
                raise
            raise UnconfirmedError(
                f"the relay at {self._address} does not hold it, and cannot ask the server",
                "sync again later",
            ) from error

    def edit(self, run: RunPath, change: Edit) -> None:
        """See the contract: the server's to do, asked for once the run is proven to be there.

        Raises:
            UnconfirmedError: it cannot be asked now.
        """
        self._pass_on(lambda: self._server.edit(run, change), f"to change run {run}")

    def readmit(self, run: RunPath) -> None:
        """See the contract: the server's to do.

        Raises:
            UnconfirmedError: it cannot be asked now.
        """
        self._pass_on(lambda: self._server.readmit(run), f"to have run {run} again")
        self._spool.stir_run(run)

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        """See the contract: what the server says.

        Raises:
            UnconfirmedError: it cannot be asked now.
        """
        try:
            return self._asking.ask(lambda: self._server.lapsed(receipts), _SOON_SECONDS)
        except AuthError:
            raise
        except HoldfastError as error:
            raise UnconfirmedError(
                f"the relay at {self._address} cannot ask the server whether it still holds what "
                f"it confirmed",
                "sync again later",
            ) from error

    def _pass_on(self, act: Callable[[], None], why: str) -> None:
        """Have the server do it now."""
        try:
            self._asking.ask(act, _WAIT_SECONDS)
        except UnreachableError as error:
            raise UnconfirmedError(
                f"the relay at {self._address} cannot reach the server {why}", "sync again later"
            ) from error

    def _held(self, run_dir: RunDir, error: HoldfastError | None = None) -> UnconfirmedError:
        trouble = self._trouble(run_dir) or error
        why = "" if trouble is None else f" ({trouble.what})"
        return UnconfirmedError(
            f"held by the relay at {self._address}, not yet at the server{why}",
            "sync again to have it confirmed",
        )
