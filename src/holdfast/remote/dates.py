"""Times as W&B's public API spells them."""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["iso_text"]


def iso_text(seconds: float | None) -> str:
    """Unix seconds as ``2026-11-21T10:00:00Z``; empty when there is none.

    >>> iso_text(0)
    '1970-01-01T00:00:00Z'
    """
    if seconds is None:
        return ""
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
