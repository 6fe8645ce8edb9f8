"""Histories as Parquet segments: written, read back exactly, thinned for charts.

What other rooms call:

    read_tail(data, start) -> Tail
    read_rows(sources, blobs, *, keys=None, span=(None, None), latest=True) -> Iterator[HistoryRow]
    read_columns(sources, blobs, keys, *, kind="history", span=(None, None), latest=True) -> Columns
    read_console(sources, blobs) -> Iterator[ConsoleText]
    read_samples(sources, blobs) -> Iterator[dict]
    last_samples(sources, blobs, count) -> list[dict]
    plain_table(source, blobs) -> Iterator[bytes] | None
    thin(x, y, points) -> Line

``sources`` are the `JournalSource` of a run's journals in order of (started_at, journal).
"""

from __future__ import annotations

from holdfast.server.history.downsample import thin
from holdfast.server.history.export import plain_table
from holdfast.server.history.gather import batch_kinds, merge_kinds, row_kinds
from holdfast.server.history.model import (
    Columns,
    ConsoleText,
    HistoryRow,
    JournalSource,
    Line,
    Segment,
    Stretch,
)
from holdfast.server.history.patterns import matches
from holdfast.server.history.scan import (
    last_samples,
    read_columns,
    read_console,
    read_rows,
    read_samples,
)
from holdfast.server.history.segment import Written, write_console, write_history, write_system
from holdfast.server.history.stretches import cut_after, extend, step_array
from holdfast.server.history.tail import Tail, read_tail

__all__ = [
    "Columns",
    "ConsoleText",
    "HistoryRow",
    "JournalSource",
    "Line",
    "Segment",
    "Stretch",
    "Tail",
    "Written",
    "batch_kinds",
    "cut_after",
    "extend",
    "last_samples",
    "matches",
    "merge_kinds",
    "plain_table",
    "read_columns",
    "read_console",
    "read_rows",
    "read_samples",
    "read_tail",
    "row_kinds",
    "step_array",
    "thin",
    "write_console",
    "write_history",
    "write_system",
]
