"""Histories as Parquet segments: written, read back exactly, thinned for charts.

What other rooms call:

    read_tail(data, start) -> Tail
    read_rows(sources, blobs, *, keys=None, span=(None, None), latest=True) -> Iterator[HistoryRow]
    read_columns(sources, blobs, keys, *, kind="history", span=(None, None), latest=True) -> Columns
    read_console(sources, blobs) -> Iterator[ConsoleText]
    thin(x, y, points) -> Line

``sources`` are the `JournalSource` of a run's journals in order of (started_at, journal).
"""

from __future__ import annotations

from holdfast.server.history.model import (
    Columns,
    ConsoleText,
    HistoryRow,
    JournalSource,
    Line,
    Segment,
    Stretch,
)

__all__ = [
    "Columns",
    "ConsoleText",
    "HistoryRow",
    "JournalSource",
    "Line",
    "Segment",
    "Stretch",
]
