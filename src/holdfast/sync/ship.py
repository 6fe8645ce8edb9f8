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

__all__ = ["JournalShipper"]

_MAX_CORRECTIONS = 8


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
        self._corrections = 0

    def ship(self, survey: Survey, writer: str) -> None:
        """Send what the server does not have of what was surveyed.

        Raises:
            UnconfirmedError: the server holds more of this journal than the disk.
            RefusedError: a frame is longer than the server takes, or any other no.
        """
        while True:
            self.ship_up_to(survey.position, survey, writer)
            if self.position <= survey.position:
                return
            # Another process got it there meanwhile, or this folder is an older copy.
            survey.advance(growing=True)
            if self.position > survey.position:
                raise UnconfirmedError(
                    f"the server holds {self.position} bytes of this journal, "
                    f"the disk {survey.position}",
                    "this may be an older copy of the folder: sync the newer one",
                )

    def ship_up_to(self, end: int, survey: Survey, writer: str) -> None:
        """As `ship`, up to the position ``end`` only.

        The survey may go on in another thread meanwhile. A server that stands further on has
        these bytes.
        """
        self._context.report.expect(self._run_dir, max(0, end - self.position))
        while self.position < end:
            if self._context.stop.is_set():
                raise StoppedError("stopped", "run the command again")
            to = min(end, survey.next_end(self.position, self._limit))
            if to - self.position > self._context.viewer.chunk_bytes:
                raise RefusedError(
                    f"a record of {to - self.position} bytes is longer than the server takes "
                    f"({self._context.viewer.chunk_bytes})",
                    "raise the server's limit for chunks",
                    code="too_large",
                )
            try:
                self._send(survey.read(self.position, to), writer)
            except RefusedError as error:
                smaller = self._context.send_less(error, to - self.position)
                if not smaller or survey.next_end(self.position, self._limit) >= to:
                    raise

    @property
    def _limit(self) -> int:
        return min(CHUNK_BYTES, self._context.viewer.chunk_bytes, self._context.bodies.limit)

    def tell(self, writer: str) -> None:
        """Say how the writer is, without sending any bytes."""
        self._send(b"", writer)

    def _send(self, data: bytes, writer: str) -> None:
        try:
            answer = self._context.transport.send_chunk(self._of, self.position, data, writer)
        except RefusedError as error:
            if error.code != "position_mismatch":
                raise
            self._correct(error)
            return
        self._corrections = 0
        self.run = answer.run
        self.sent += len(data)
        self._context.report.advance(self._run_dir, len(data))
        self.position = answer.position

    def _correct(self, error: RefusedError) -> None:
        """Go to where the server says that it stands: further on, or back when it lost some."""
        position = error.detail.get("position")
        if not isinstance(position, int) or position <= self.position:
            # Forward it goes while another sender is faster; only back and forth may be endless.
            self._corrections += 1
        if not isinstance(position, int) or position < 0 or self._corrections > _MAX_CORRECTIONS:
            raise error
        self._context.report.advance(self._run_dir, position - self.position)
        self.position = position
