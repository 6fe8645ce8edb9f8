"""A limit to the bytes that go out in a second, shared by all requests of a process.

Owns the waiting. Must not know what is sent.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from holdfast.errors import UsageError

__all__ = ["Pace"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?(?:/s)?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
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

    @classmethod
    def read(cls, text: str) -> Pace:
        """The pace that ``10M``, ``500K`` or a number of bytes says.

        Raises:
            UsageError: it is none.
        """
        found = _SIZE.fullmatch(text.strip())
        rate = float(found[1]) * _UNITS[found[2].lower()] if found else 0.0
        if rate < 1:
            raise UsageError(f"{text!r} is no number of bytes a second", "write 10M or 500K")
        return cls(rate)

    def wait(self, size: int) -> None:
        """Wait until a piece of so many bytes may go out."""
        with self._lock:
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + size / self._rate
        if start > now:
            self._sleep(start - now)
