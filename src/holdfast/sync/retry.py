"""Trying again: a wrapper round any transport.

Owns which failures may pass, how long to wait, and when to give up. Must not know what is sent or
how. A wait is never silent: the first of an outage is said, and then one every minute.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from holdfast.errors import HoldfastError, RefusedError, UnreachableError
from holdfast.ids import RunPath
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
    Viewer,
)
from holdfast.wire.failures import UntrustedError

__all__ = ["Patience", "RetryingTransport", "StoppedError", "asked_for"]

T = TypeVar("T")

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_FEW_TRIES = 4
_SAY_EVERY = 60.0
_LONGEST_ASKED = 600.0


class StoppedError(HoldfastError):
    """Sync was told to stop; what was sent stays sent."""


@dataclass(frozen=True)
class Patience:
    """How long to try again.

    Args:
        limit: seconds without any success after which a request is given up.
        first: seconds before the second try; doubled each time, with jitter.
        longest: the longest of these waits.
    """

    limit: float = 120.0
    first: float = 0.2
    longest: float = 5.0


class RetryingTransport:
    """`holdfast.sync.transport.Transport` that tries again.

    The clock of an outage is shared: when the server has been away for longer than the limit, the
    next request of any thread gets one try only, so that many runs do not wait one after the other.

    Args:
        inner: the transport that is tried.
        patience: how long.
        say: gets a line about a wait.
        stop: set to end all waits (they raise StoppedError).
        clock: seconds that only grow.
    """

    def __init__(
        self,
        inner: Transport,
        patience: Patience,
        *,
        say: Callable[[str], None],
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._patience = patience
        self._say = say
        self._stop = stop or threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._said_at = 0.0

    def viewer(self) -> Viewer:
        """See the contract."""
        return self._keep_trying(self._inner.viewer)

    def position(self, journal: JournalPath) -> int:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.position(journal))

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.send_chunk(journal, start, data, writer))

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.name_files(journal, files, blobs))

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.upload_state(entity, digest))

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        """See the contract; a digest mismatch is the caller's (the file may have changed)."""
        return self._keep_trying(
            lambda: self._inner.send_part(entity, digest, offset, size, data), damaged=False
        )

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.receipt(journal, claim))

    def edit(self, run: RunPath, change: Edit) -> None:
        """See the contract."""
        self._keep_trying(lambda: self._inner.edit(run, change))

    def readmit(self, run: RunPath) -> None:
        """See the contract."""
        self._keep_trying(lambda: self._inner.readmit(run))

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        """See the contract."""
        return self._keep_trying(lambda: self._inner.lapsed(receipts))

    def _keep_trying(self, call: Callable[[], T], *, damaged: bool = True) -> T:
        tries = 0
        since = 0.0
        while True:
            try:
                result = call()
            except HoldfastError as error:
                tries += 1
                since = since or self._clock()
                if not self._passes(error, tries, damaged=damaged):
                    raise
                self._wait(error, tries, since)
            else:
                self._away_since = None
                return result

    def _passes(self, error: HoldfastError, tries: int, *, damaged: bool) -> bool:
        if isinstance(error, UntrustedError):
            return False
        if isinstance(error, UnreachableError):
            return True
        if not isinstance(error, RefusedError):
            return False
        if error.code == "digest_mismatch":
            return damaged and tries < _FEW_TRIES
        if error.code == "internal":
            return tries < _FEW_TRIES  # a defect seldom passes
        return error.status in _PASSING

    def _wait(self, error: HoldfastError, tries: int, since: float) -> None:
        """Wait before the next try of a request that has failed since ``since``.

        Raises:
            HoldfastError: ``error`` itself when patience is at its end, StoppedError when told to.
        """
        now = self._clock()
        with self._lock:
            if self._away_since is None:
                self._away_since = now
            away = now - min(since, self._away_since)
        pause = min(self._patience.longest, self._patience.first * 2.0 ** min(tries - 1, 10))
        pause *= random.uniform(0.5, 1.0)
        pause = max(pause, asked_for(error))
        limit = self._patience.limit
        if away + pause > limit:
            raise error
        with self._lock:
            if first := (tries == 1 and away == 0) or now - self._said_at >= _SAY_EVERY:
                self._said_at = now
        if first:
            self._say(f"{error.what}: trying again for {max(limit - away, 0):.0f} s")
        if self._stop.wait(pause):
            raise StoppedError("stopped while waiting for the server", "run the command again")


def asked_for(error: HoldfastError) -> float:
    """The seconds that the Retry-After header of a refusal asks for; 0 without one.

    A date far ahead tells that the clocks differ, not how long to wait.
    """
    text = error.detail.get("retry_after", "") if isinstance(error, RefusedError) else ""
    if not isinstance(text, str) or not text:
        return 0.0
    if text.isdecimal():
        return float(text[:9])
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0  # neither seconds nor a date: as good as no header
    return seconds if 0 < seconds <= _LONGEST_ASKED else 0.0
