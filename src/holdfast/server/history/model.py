"""What a history is made of, as the readers and writers of this room pass it around.

Must not know SQL, HTTP, or how Parquet lays a column out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "ConsoleText", "HistoryRow", "JournalSource", "Line", "Segment", "Stretch"]


@dataclass(frozen=True)
class Segment:
    """One Parquet object that holds part of a journal's history, system samples or console.

    Args:
        kind: history, system or console.
        blob: its name in the blob store.
        rows: how many.
        first_row: the number of its first row in the journal, of this kind, from 0.
        first_step: the least step in it; None unless kind is history.
        last_step: the greatest step in it.
        columns: {key: kind} of the keys in it; a kind is number, bool, text, json or a media type.
    """

    kind: str
    blob: str
    rows: int
    first_row: int
    first_step: int | None = None
    last_step: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows of one journal in which the step only grows; numbered from 0."""

    number: int
    first_step: int
    last_step: int
    rows: int


@dataclass(frozen=True)
class JournalSource:
    """Where the history of one journal lies.

    Args:
        journal: its id.
        segments: all of them, of any kind and in any order.
        stretches: all of them, in order of number.
        tail: the journal's bytes from ``tail_start`` on, which no segment holds yet.
        tail_start: a position of the journal.
        rows: how many rows of history the journal has, the tail's included.
        open_row: the row of a step that was not closed yet; it is read as one more row.
        label: which of several writers of the run wrote it; theirs are not read as one history.
        runtime_since: from when rows of the tail that have no ``_runtime`` count it, Unix
            milliseconds.
    """

    journal: str
    segments: Sequence[Segment]
    stretches: Sequence[Stretch]
    tail: bytes = b""
    tail_start: int = 0
    rows: int = 0
    open_row: Mapping[str, Any] | None = None
    label: str = ""
    runtime_since: int = 0


class HistoryRow(NamedTuple):
    """One row: where it stands, and its values nested as they were logged (``_step`` too)."""

    journal: str
    number: int
    stretch: int
    step: int
    values: dict[str, Any]


class ConsoleText(NamedTuple):
    """What was written to a stream at one moment; may be part of a line, or several lines.

    ``label`` tells apart clients that share a journal.
    """

    timestamp: float
    stream: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class Columns:
    """Numbers of some keys, row by row, over all journals of a run in reading order.

    Args:
        steps: the step of each row (system samples have none: zeros).
        values: {key: numbers}, as long as ``steps``; NaN where absent or not a number; a bool is
            0 or 1.
        present: {key: where the row has a number for the key} (a logged NaN is present).
        breaks: the indices at which another stretch begins, the first one's excepted.
    """

    steps: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    present: Mapping[str, NDArray[np.bool_]]
    breaks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """One series, thinned or whole.

    Args:
        x, y: the points, in the order they were given.
        lo, hi: for each point the least and greatest y of its bucket; empty when ``exact``.
        total: how many points there were before.
        exact: nothing was left out.
        marks: (x, kind) where y was NaN, Infinity or -Infinity; these are not among the points.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    lo: NDArray[np.float64]
    hi: NDArray[np.float64]
    total: int
    exact: bool
    marks: tuple[tuple[float, str], ...] = ()
