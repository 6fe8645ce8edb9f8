"""Blocks of rows, from a segment's row group or from a tail, with one way to read both.

Must not know journals, stretches' order, or which rows are wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.errors import DamagedError
from holdfast.records.batch import Batch
from holdfast.records.values import nest
from holdfast.server.blobstore import BlobStore
from holdfast.server.history.encode import (
    ABSENT,
    column_numbers,
    column_path,
    decode_numbers,
    decode_values,
)
from holdfast.server.history.gather import Gathered, Path, gather, gather_rows, key_of, rows_of
from holdfast.server.history.model import Segment
from holdfast.server.history.segment import ROW, STEP, STRETCH

__all__ = [
    "Block",
    "Numbers",
    "TableBlock",
    "TailBlock",
    "open_segment",
    "plain_numbers",
    "row_blocks",
    "system_blocks",
]

Numbers = dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]
"""{key: (numbers, where there is one)}."""

_OURS = frozenset({STEP, ROW, STRETCH})
_DECODED_ROWS = 4096


class Block(Protocol):
    """Consecutive rows of one journal.

    ``first_row`` is the number of the first one; ``steps`` and ``stretches`` hold each row's.
    """

    first_row: int
    steps: NDArray[np.int64]
    stretches: NDArray[np.int32]

    def rows(
        self, keys: frozenset[str] | None, keep: NDArray[np.bool_]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The rows to keep that have one of the keys (None: all), by index, nested as logged."""
        ...

    def numbers(self, keys: frozenset[str]) -> Numbers:
        """The numbers of these keys; a key that no row has may be left out."""
        ...


@dataclass
class TableBlock:
    """Rows of one row group of a segment; columns are read when they are asked for."""

    first_row: int
    steps: NDArray[np.int64]
    stretches: NDArray[np.int32]
    file: pq.ParquetFile
    group: int
    group_start: int

    def rows(
        self, keys: frozenset[str] | None, keep: NDArray[np.bool_]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """See `Block.rows`."""
        wanted = np.flatnonzero(keep)
        if not len(wanted):
            return
        fields = self._fields(keys)
        arrays = self._read(fields)
        paths = [column_path(field) for field in fields]
        # A slice at a time: as Python objects, a row group takes many times its memory.
        end = int(wanted[-1]) + 1
        for start in range(int(wanted[0]), end, _DECODED_ROWS):
            count = min(_DECODED_ROWS, end - start)
            kept = np.flatnonzero(keep[start : start + count]).tolist()
            if not kept:
                continue
            columns = [
                decode_values(array.slice(start, count), field, self.group_start + start)
                for field, array in zip(fields, arrays, strict=True)
            ]
            for index in kept:
                row: dict[str, Any] = {}
                for path, column in zip(paths, columns, strict=True):
                    if (value := column[index]) is not ABSENT:
                        nest(row, path, value)
                if row or keys is None:
                    yield start + index, row

    def numbers(self, keys: frozenset[str]) -> Numbers:
        """See `Block.numbers`."""
        fields = self._fields(keys)
        found: Numbers = {}
        for field, array in zip(fields, self._read(fields), strict=True):
            _add(found, key_of(column_path(field)), *decode_numbers(array, field))
        return found

    def _fields(self, keys: frozenset[str] | None) -> list[pa.Field]:
        fields = [field for field in self.file.schema_arrow if field.name not in _OURS]
        if keys is None:
            return fields
        return [field for field in fields if key_of(column_path(field)) in keys]

    def _read(self, fields: Sequence[pa.Field]) -> list[pa.Array]:
        return _read_group(self.file, self.group, [field.name for field in fields])


@dataclass
class TailBlock:
    """Rows of a tail."""

    first_row: int
    steps: NDArray[np.int64]
    stretches: NDArray[np.int32]
    batches: Sequence[Batch]

    def rows(
        self, keys: frozenset[str] | None, keep: NDArray[np.bool_]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """See `Block.rows`."""
        index = 0
        for batch in self.batches:
            for row in rows_of(batch):
                if keep[index]:
                    chosen = row if keys is None else _only(row, keys)
                    if chosen or keys is None:
                        yield index, chosen
                index += 1

    def numbers(self, keys: frozenset[str]) -> Numbers:
        """See `Block.numbers`."""
        return _numbers(gather(self.batches), len(self.steps), keys)


def row_blocks(segment: Segment, blobs: BlobStore) -> Iterator[TableBlock]:
    """The rows of a history segment, a row group at a time."""
    file = open_segment(segment, blobs)
    start = 0
    for group in range(file.num_row_groups):
        steps, stretches = (
            column.to_numpy(zero_copy_only=False)
            for column in _read_group(file, group, [STEP, STRETCH])
        )
        yield TableBlock(segment.first_row + start, steps, stretches, file, group, start)
        start += len(steps)


def system_blocks(segment: Segment, blobs: BlobStore) -> Iterator[TableBlock]:
    """The samples of a system segment; steps and stretches are zeros."""
    file = open_segment(segment, blobs)
    start = 0
    for group in range(file.num_row_groups):
        count = file.metadata.row_group(group).num_rows
        steps, stretches = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int32)
        yield TableBlock(segment.first_row + start, steps, stretches, file, group, start)
        start += count


def plain_numbers(rows: Sequence[Mapping[str, Any]], keys: frozenset[str]) -> Numbers:
    """The numbers of these keys in plain rows."""
    return _numbers(gather_rows(rows), len(rows), keys)


def open_segment(segment: Segment, blobs: BlobStore) -> pq.ParquetFile:
    """A segment ready to read.

    Raises:
        DamagedError: it is no Parquet.
        NotFoundError: its blob is missing.
    """
    data = blobs.get(segment.blob)
    try:
        return pq.ParquetFile(pa.BufferReader(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise DamagedError(
            f"segment {segment.blob} cannot be read: {error}", "restore the blob from a backup"
        ) from error


def _read_group(file: pq.ParquetFile, group: int, names: Sequence[str]) -> list[pa.Array]:
    """Columns by their exact names: pyarrow takes "a" for all of "a.b", "a.c" too."""
    if not names:
        return []
    table = file.read_row_group(group, columns=list(names), use_threads=False)
    return [table.column(name).combine_chunks() for name in names]


def _only(row: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for path, column in gather_rows([row]).items():
        if key_of(path) in keys:
            nest(chosen, path, column.values[0])
    return chosen


def _numbers(columns: Mapping[Path, Gathered], total: int, keys: frozenset[str]) -> Numbers:
    found: Numbers = {}
    for path, column in columns.items():
        if (key := key_of(path)) in keys:
            where = slice(None) if column.rows is None else column.rows
            values, there = np.full(total, np.nan), np.zeros(total, dtype=np.bool_)
            values[where], there[where] = column_numbers(column)
            _add(found, key, values, there)
    return found


def _add(found: Numbers, key: str, values: NDArray[np.float64], there: NDArray[np.bool_]) -> None:
    """Add a column; two paths can give one key ("a.b" and b in a), then the later one's count."""
    if key in found:
        before, had = found[key]
        values, there = np.where(there, values, before), had | there
    found[key] = (values, there)
