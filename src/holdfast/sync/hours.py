"""The hours of the day in which files may be sent.

Owns reading them and asking the clock. Must not know what waits for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time
from typing import NamedTuple

from holdfast.errors import UsageError

__all__ = ["Hours"]

_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


class Hours(NamedTuple):
    """From when to when, local time; a span may go over midnight.

    >>> Hours.read("20:00-06:00").hold(datetime(2026, 11, 21, 23, 0))
    True
    """

    begin: time
    end: time

    @classmethod
    def read(cls, text: str) -> Hours:
        """The hours that ``HH:MM-HH:MM`` says.

        Raises:
            UsageError: it is none.
        """
        found = _SPAN.fullmatch(text.strip())
        try:
            if found is None:
                raise ValueError(text)
            first, second, third, fourth = (int(part) for part in found.groups())
            hours = cls(time(first, second), time(third % 24 if not fourth else third, fourth))
        except ValueError as error:
            raise UsageError(f"{text!r} is no span of hours", "write 20:00-06:00") from error
        if hours.begin == hours.end:
            raise UsageError(f"{text!r} is no span of hours", "leave --hours out for all day")
        return hours

    def hold(self, now: datetime) -> bool:
        """Whether it is within the hours."""
        at = now.time()
        if self.begin < self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end

    def asker(self) -> Callable[[], bool]:
        """Asks this machine's clock."""
        return lambda: self.hold(datetime.now().astimezone())
