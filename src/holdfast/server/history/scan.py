"""Reading histories: every row as it was logged, columns of numbers, console text.

Goes over the journals of a run in reading order, in each over its segments and then its tail,
and leaves out the rows that a later stretch took over. Must not know SQL, HTTP, or charts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdfast.records.batch import Batch
from holdfast.records.replay import Stat
from holdfast.server.blobstore import BlobStore
from holdfast.server.history.blocks import (
    Block,
    Numbers,
    TailBlock,
    open_segment,
    plain_numbers,
    row_blocks,
    system_blocks,
)
from holdfast.server.history.model import (
    Columns,
    ConsoleText,
    HistoryRow,
    JournalSource,
    Segment,
    Stretch,
)
from holdfast.server.history.segment import STEP, TIMESTAMP
from holdfast.server.history.stretches import (
    Span,
    extend,
    hidden_rows,
    hidden_spans,
    numbers,
    step_array,
)
from holdfast.server.history.tail import Tail, read_tail

__all__ = ["Bounds", "last_samples", "read_columns", "read_console", "read_rows", "read_samples"]

Bounds = tuple[int | None, int | None]
"""Least and greatest step wanted, both included; None for no bound."""


def read_rows(
    sources: Sequence[JournalSource],
    blobs: BlobStore,
    *,
    keys: Sequence[str] | None = None,
    span: Bounds = (None, None),
    latest: bool = True,
) -> Iterator[HistoryRow]:
    """Every row, in reading order, its values exactly as logged.

    Args:
        sources: the journals of one run, in order of (started_at, journal).
        blobs: where the segments are.
        keys: dotted keys to read; rows with none of them are left out. None: all.
        span: of steps.
        latest: leave out the rows that a later stretch took over.

    Raises:
        DamagedError: a segment cannot be read.
        NotFoundError: a segment's blob is missing.
    """
    wanted = None if keys is None else frozenset(keys)
    for part in _parts(sources, latest=latest):
        for block in part.blocks(blobs, span):
            keep = part.keep(block, span)
            for index, values in block.rows(wanted, keep):
                step = int(block.steps[index])
                place = (int(block.first_row + index), int(block.stretches[index]), step)
                yield HistoryRow(part.source.journal, *place, {STEP: step, **values})


def read_columns(
    sources: Sequence[JournalSource],
    blobs: BlobStore,
    keys: Sequence[str],
    *,
    kind: str = "history",
    span: Bounds = (None, None),
    latest: bool = True,
) -> Columns:
    """The numbers of some keys, row by row; see `Columns`. Rows with none of them are left out.

    Args:
        sources: as for `read_rows`.
        blobs: where the segments are.
        keys: dotted keys; for system samples ``_timestamp`` is one.
        kind: history or system. System samples have no steps: ``span`` and ``latest`` do nothing.
        span: of steps.
        latest: leave out the rows that a later stretch took over.
    """
    wanted = frozenset(keys)
    if kind == "system":
        return _join(keys, [piece for s in sources for piece in _system(s, blobs, wanted)])
    pieces = []
    for order, part in enumerate(_parts(sources, latest=latest)):
        for block in part.blocks(blobs, span):
            found = block.numbers(wanted)
            keep = part.keep(block, span)
            some = np.zeros(len(block.steps), dtype=np.bool_)
            for _, present in found.values():
                some |= present
            keep &= some
            marks = block.stretches.astype(np.int64) + (order << 32)
            pieces.append(_Piece(block.steps, marks, found).only(keep))
    return _join(keys, pieces)


def read_console(sources: Sequence[JournalSource], blobs: BlobStore) -> Iterator[ConsoleText]:
    """All console text in the order it was written, journal after journal."""
    for source in sources:
        for segment in _segments(source, "console"):
            file = open_segment(segment, blobs)
            names = [name for name in ConsoleText._fields if name in file.schema_arrow.names]
            table = file.read(columns=names)
            columns = (table.column(name).to_pylist() for name in names)
            yield from starmap(ConsoleText, zip(*columns, strict=True))
        for text in _tail(source).console:
            yield ConsoleText(*text)


def read_samples(sources: Sequence[JournalSource], blobs: BlobStore) -> Iterator[dict[str, Any]]:
    """All system samples in order, journal after journal, ``_timestamp`` among their values."""
    for source in sources:
        for segment in _segments(source, "system"):
            for block in system_blocks(segment, blobs):
                every = np.ones(len(block.steps), dtype=np.bool_)
                yield from (values for _, values in block.rows(None, every))
        yield from (_sample(stat) for stat in _tail(source).stats)


def last_samples(
    sources: Sequence[JournalSource], blobs: BlobStore, count: int
) -> list[dict[str, Any]]:
    """The last system samples in order; no more is read than holds ``count`` of them."""
    found: list[dict[str, Any]] = []
    for source in reversed(sources):
        found[:0] = [_sample(stat) for stat in _tail(source).stats]
        for segment in reversed(_segments(source, "system")):
            for block in reversed(list(system_blocks(segment, blobs))):
                if len(found) >= count:
                    break
                every = np.ones(len(block.steps), dtype=np.bool_)
                found[:0] = [values for _, values in block.rows(None, every)]
    return found[-count:]


def _sample(stat: Stat) -> dict[str, Any]:
    return {TIMESTAMP: stat.timestamp, **stat.values}


@dataclass
class _Part:
    """One journal, and for each of its stretches the steps that later ones took over."""

    source: JournalSource
    stretches: Sequence[Stretch]
    hidden: Sequence[Sequence[Span]]

    def blocks(self, blobs: BlobStore, span: Bounds) -> Iterator[Block]:
        """The journal's rows in order; segments wholly outside the span are not opened."""
        flushed = 0
        for segment in _segments(self.source, "history"):
            flushed = segment.first_row + segment.rows
            if _touches(segment, span):
                yield from row_blocks(segment, blobs)
        batches = _rows_after(self.source, flushed)
        steps = step_array([step for batch in batches for step in batch.steps])
        if len(steps):
            yield TailBlock(flushed, steps, numbers(self.stretches, flushed, len(steps)), batches)

    def keep(self, block: Block, span: Bounds) -> NDArray[np.bool_]:
        """Which rows of the block are wanted."""
        keep = np.ones(len(block.steps), dtype=np.bool_)
        low, high = span
        if low is not None:
            keep &= block.steps >= low
        if high is not None:
            keep &= block.steps <= high
        for number in np.unique(block.stretches).tolist():
            if spans := self.hidden[number]:
                keep &= ~((block.stretches == number) & hidden_rows(block.steps, spans))
        return keep


def _parts(sources: Sequence[JournalSource], *, latest: bool) -> list[_Part]:
    stretches = [_with_open_row(source) for source in sources]
    every = [stretch for found in stretches for stretch in found]
    hidden = hidden_spans(every) if latest else [[] for _ in every]
    parts = []
    for source, found in zip(sources, stretches, strict=True):
        parts.append(_Part(source, found, hidden[: len(found)]))
        hidden = hidden[len(found) :]
    return parts


def _with_open_row(source: JournalSource) -> list[Stretch]:
    """The stretches with the open row among them, as one more row."""
    stretches = list(source.stretches)
    if source.open_row is not None:
        last = stretches[-1] if stretches else None
        last_step = last.last_step if last else None
        more = extend(last, last_step, step_array([_open_step(source)]))
        if last is not None and more[0].number == last.number:
            stretches.pop()
        stretches += more
    return stretches


def _open_step(source: JournalSource) -> int:
    step = (source.open_row or {}).get(STEP)
    if type(step) is int:
        return step
    return source.stretches[-1].last_step + 1 if source.stretches else 0


def _rows_after(source: JournalSource, flushed: int) -> list[Batch]:
    batches = list(_tail(source, flushed).rows)
    if source.open_row is not None:
        row = {key: value for key, value in source.open_row.items() if key != STEP}
        columns = tuple([value] for value in row.values())
        batches.append(Batch(tuple(row), columns, [_open_step(source)]))
    return batches


def _segments(source: JournalSource, kind: str) -> list[Segment]:
    return sorted((s for s in source.segments if s.kind == kind), key=lambda s: s.first_row)


def _tail(source: JournalSource, first_row: int | None = None) -> Tail:
    return read_tail(source.tail, source.tail_start, first_row, source.runtime_since)


def _touches(segment: Segment, span: Bounds) -> bool:
    low, high = span
    if segment.first_step is None or segment.last_step is None:
        return True
    return (low is None or segment.last_step >= low) and (
        high is None or segment.first_step <= high
    )


class _Piece(NamedTuple):
    """Rows of one block with the numbers of some keys; ``marks`` tells stretches apart."""

    steps: NDArray[np.int64]
    marks: NDArray[np.int64]
    found: Numbers

    def only(self, keep: NDArray[np.bool_]) -> _Piece:
        """The rows to keep."""
        if keep.all():
            return self
        found = {key: (values[keep], there[keep]) for key, (values, there) in self.found.items()}
        return _Piece(self.steps[keep], self.marks[keep], found)


def _system(source: JournalSource, blobs: BlobStore, keys: frozenset[str]) -> Iterator[_Piece]:
    for segment in _segments(source, "system"):
        for block in system_blocks(segment, blobs):
            yield _Piece(block.steps, block.steps, block.numbers(keys))
    if stats := _tail(source).stats:
        zeros = np.zeros(len(stats), dtype=np.int64)
        rows = [_sample(stat) for stat in stats]
        yield _Piece(zeros, zeros, plain_numbers(rows, keys))


def _join(keys: Sequence[str], pieces: Sequence[_Piece]) -> Columns:
    pieces = [piece for piece in pieces if len(piece.steps)]
    values, present = {}, {}
    for key in keys:
        parts = [piece.found.get(key) or _nothing(len(piece.steps)) for piece in pieces]
        values[key] = _concat([part[0] for part in parts], np.float64)
        present[key] = _concat([part[1] for part in parts], np.bool_)
    steps = _concat([piece.steps for piece in pieces], np.int64)
    marks = _concat([piece.marks for piece in pieces], np.int64)
    breaks = tuple((np.flatnonzero(np.diff(marks)) + 1).tolist())
    return Columns(steps, values, present, breaks)


def _nothing(count: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return np.full(count, np.nan), np.zeros(count, dtype=np.bool_)


def _concat(arrays: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=kind)
