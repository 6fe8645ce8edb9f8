"""Whether the server can be asked now: one clock and one probe for all runs together.

Owns which failures are the server's and not a run's, and when it is asked again. Must not know
what is sent, nor threads: it is called by one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from holdfast.errors import AuthError, HoldfastError, RefusedError, UnreachableError
from holdfast.sync.retry import asked_for

__all__ = ["Outage", "is_of_server"]

_PASSING = {408, 425, 429, 502, 503, 504, 507}
_FIRST_SECONDS = 0.5
_LONGEST_SECONDS = 30.0
_SAY_SECONDS = 60.0
#: who waits for ever must not sleep for a year because a proxy says so
_LONGEST_ASKED = 600.0


def is_of_server(error: BaseException) -> bool:
    """Whether a failure says more about the server, the key or the way than about one run."""
    if isinstance(error, RefusedError):
        return error.status in _PASSING
    return isinstance(error, (UnreachableError, AuthError))


class Outage:
    """Closed until the server has answered a probe, and again from a failure to the next answer.

    Args:
        say: gets a line when the server is found away, once a minute, and when it is back.
        clock: seconds that only grow.

    Attributes:
        error: why nothing is sent, or None.
        since: when that began, Unix seconds.
        next_try: when a probe is due, by the clock.
        open: whether requests may be sent.
    """

    def __init__(
        self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.error: HoldfastError | None = None
        self.since = 0.0
        self.next_try = clock()
        self.open = False
        self._say = say
        self._clock = clock
        self._tries = 0
        self._said_at = 0.0

    def probe_due(self) -> bool:
        """Whether the server should be asked who we are, to see if it answers."""
        return not self.open and self._clock() >= self.next_try

    def failed(self, error: HoldfastError) -> None:
        """A request failed for a reason that `is_of_server`, or a probe did."""
        now = self._clock()
        if self.error is None:
            self.since = time.time()
        if self.open or self.error is None or now - self._said_at >= _SAY_SECONDS:
            self._said_at = now
            self._say(f"{error.what}: trying again until it answers")
        self.error, self.open = error, False
        pause = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(self._tries, 10))
        self.next_try = now + max(
            pause * random.uniform(0.5, 1.0), min(asked_for(error), _LONGEST_ASKED)
        )
        self._tries += 1

    def passed(self) -> None:
        """A probe was answered."""
        if self.error is not None:
            self._say("the server answers again")
        self.error, self.open, self._tries = None, True, 0
