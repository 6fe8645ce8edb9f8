"""Sending the bytes of one journal: from where the server stands to where the disk ends.

Owns the order of chunks and what a 409 means. Must not know what a frame holds.
"""

from __future__ import annotations

from holdfast.errors import RefusedError, UnconfirmedError
from holdfast.rundir import RunDir
from holdfast.sync.context import Context
from holdfast.sync.retry import StoppedError
from holdfast.sync.survey import CHUNK_BYTES, Survey
from holdfast.wire import JournalPath, RunRef

__all__ = ["JournalShipper", "ahead"]

_MAX_CORRECTIONS = 8


def ahead(held: int, on_disk: int) -> UnconfirmedError:
    """The error for a server that holds more of a journal than lies on disk."""
    return UnconfirmedError(
        f"the server holds {held} bytes of this journal, the disk {on_disk}",
        "this may be an older copy of the folder: sync the newer one",
    )


class JournalShipper:
    """Brings one journal to the server, again and again as it grows.

    Args:
        context: the server.
        run_dir: the run's folder, for reports.
        of: the journal's name.
        position: where the server may stand; a hint, corrected by the server.

    Attributes:
        position: where the server stands, as far as is known here.
        sent: bytes that went out.
        run: the run as the server named it, once it has.
    """

    def __init__(
        self, context: Context, run_dir: RunDir, of: JournalPath, *, position: int = 0
    ) -> None:
        self.position = position
        self.sent = 0
        self.run: RunRef | None = None
        self._context = context
        self._run_dir = run_dir
        self._of = of
        self._limit = min(CHUNK_BYTES, context.viewer.chunk_bytes)
        self._corrections = 0

    def ship(self, survey: Survey, writer: str) -> None:
        """Send what the server does not have of what was surveyed.

        Raises:
            UnconfirmedError: the server holds more of this journal than the disk.
            RefusedError: a frame is longer than the server takes, or any other no.
        """
        self._reach(self.position, survey)
        self._context.report.expect(self._run_dir, survey.position - self.position)
        while self.position < survey.position:
            if self._context.stop.is_set():
                raise StoppedError("stopped", "run the command again")
            end = survey.next_end(self.position, self._limit)
            if end - self.position > self._context.viewer.chunk_bytes:
                raise RefusedError(
                    f"a record of {end - self.position} bytes is longer than the server takes "
                    f"({self._context.viewer.chunk_bytes})",
                    "raise the server's limit for chunks",
                    code="too_large",
                )
            self._send(survey.read(self.position, end), end, writer, survey)

    def tell(self, writer: str) -> None:
        """Say how the writer is, without sending any bytes."""
        transport = self._context.transport
        self.run = transport.send_chunk(self._of, self.position, b"", writer).run

    def _send(self, data: bytes, end: int, writer: str, survey: Survey) -> None:
        try:
            answer = self._context.transport.send_chunk(self._of, self.position, data, writer)
        except RefusedError as error:
            if error.code != "position_mismatch":
                raise
            self._correct(error, survey)
            return
        self._corrections = 0
        self.run = answer.run
        self.sent += len(data)
        self._context.report.advance(self._run_dir, len(data))
        self.position = min(answer.position, survey.position)

    def _correct(self, error: RefusedError, survey: Survey) -> None:
        """Go to where the server says that it stands."""
        position = error.detail.get("position")
        self._corrections += 1
        if not isinstance(position, int) or position < 0 or self._corrections > _MAX_CORRECTIONS:
            raise error
        self._reach(position, survey)
        # A server that stands further on has those bytes; one further back wants them again.
        self._context.report.advance(self._run_dir, position - self.position)
        self.position = position

    def _reach(self, position: int, survey: Survey) -> None:
        """Survey up to where the server stands, if another process got it there meanwhile.

        Raises:
            UnconfirmedError: the disk does not reach so far.
        """
        if position > survey.position:
            survey.advance(growing=True)
        if position > survey.position:
            raise ahead(position, survey.position)
