"""Times as wandb clients read them. Must not know what they are times of."""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["iso"]


def iso(seconds: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC, with microseconds; None for None and beyond the year 9999.

    >>> iso(1700000000.5)
    '2023-11-14T22:13:20.500000Z'
    """
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
