"""Times as W&B and its clients write and read them. Must not know what they are times of."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from holdfast.errors import UsageError

__all__ = ["iso", "iso_exact", "must_be_seconds", "seconds_of"]

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|z|[+-]\d\d:?\d\d)?)?"
)


def iso(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, whole seconds, as W&B's server says them.

    None for None and for what lies outside the years 1 to 9999.

    >>> iso(1700000000.5)
    '2023-11-14T22:13:20Z'
    """
    moment = _moment(seconds)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_exact(seconds: float | None) -> str | None:
    """The same with microseconds."""
    moment = _moment(seconds)
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_of(text: str) -> float | None:
    """Unix seconds of an ISO 8601 date or time, UTC unless it says else; None when it is none.

    >>> seconds_of("2023-11-14T22:13:20Z"), seconds_of("soon")
    (1700000000.0, None)
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    *numbers, fraction, zone = found.groups()
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "")
        ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment = moment - ahead if zone[0] == "+" else moment + ahead
    return moment.timestamp() + float(f"0.{fraction or 0}")


def must_be_seconds(text: str) -> float:
    """`seconds_of` a text that has to be a time.

    Raises:
        UsageError: it is none.
    """
    seconds = seconds_of(text)
    if seconds is None:
        raise UsageError(f"{text[:60]!r} is no time", "write it as 2024-01-31T12:00:00Z")
    return seconds


def _moment(seconds: float | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
