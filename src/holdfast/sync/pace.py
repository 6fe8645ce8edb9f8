"""A limit to the bytes that go out in a second, shared by all requests of a process.

Owns the waiting. Must not know what is sent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Pace"]

_PIECE_BYTES = 64 << 10
_PIECES_A_SECOND = 8


class Pace:
    """Lets pieces of requests through, one after another, at so many bytes a second.

    Args:
        rate: bytes a second.
        clock, sleep: of the time.

    Attributes:
        piece: how long a piece should be at most, so that short requests are not held up by it.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.piece = max(1, min(_PIECE_BYTES, int(rate / _PIECES_A_SECOND)))
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    def wait(self, size: int) -> None:
        """Wait until a piece of so many bytes may go out."""
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + size / self._rate
        if start > now:
            self._sleep(start - now)
