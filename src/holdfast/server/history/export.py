"""One journal's rows as a plain Parquet table, for programs that read a history as a table.

Owns when a table says exactly what was logged: not where a row lacks a key (a table has nulls
there, and None is a value), nor where a value is nested, or no single type carries a column. Must
not know who asks, or where the table is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.server.blobstore import BlobStore
from holdfast.server.history.blocks import open_segment
from holdfast.server.history.encode import is_plain
from holdfast.server.history.model import JournalSource
from holdfast.server.history.segment import ROW, STRETCH, write_history
from holdfast.server.history.tail import read_tail

__all__ = ["plain_table"]

_OURS = frozenset({ROW, STRETCH})
_EXACT_INT = 1 << 53  # beyond it a double cannot say every int
_NUMBERS = frozenset({pa.int64(), pa.float64()})
_ROW_GROUP = 128 * 1024


class _Column(NamedTuple):
    """A column of a segment: its type, and whether doubles say all of its values too."""

    kind: pa.DataType
    as_double: bool


class _Sink:
    """Takes what is written, for whoever takes it on."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep some bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind this that would wait."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def plain_table(source: JournalSource, blobs: BlobStore) -> Iterator[bytes] | None:
    """The rows of a journal as Parquet, in parts: ``_step`` and a column for each key.

    No more is in memory at once than a segment and the table of one of its row groups.

    Args:
        source: of a journal to which nothing is added while the parts are read.
        blobs: where the segments are.

    Returns:
        None when a table would not say exactly what was logged, or steps do not only grow.
    """
    if len(source.stretches) != 1 or source.open_row is not None or source.label:
        return None
    found = []
    for file in _files(source, blobs):
        columns = _plain_columns(file)
        if columns is None:
            return None
        found.append(columns)
    schema = _joined(found)
    return None if schema is None else _written(schema, source, blobs)


def _files(source: JournalSource, blobs: BlobStore) -> Iterator[pq.ParquetFile]:
    """The journal's segments in order; rows that none holds yet as one more, made in memory."""
    flushed = 0
    segments = (segment for segment in source.segments if segment.kind == "history")
    for segment in sorted(segments, key=lambda segment: segment.first_row):
        flushed = segment.first_row + segment.rows
        yield open_segment(segment, blobs)
    batches = read_tail(source.tail, source.tail_start, flushed, source.runtime_since).rows
    if any(batch.steps for batch in batches):
        written = write_history(batches, flushed, source.stretches)
        yield pq.ParquetFile(pa.BufferReader(written.data))


def _plain_columns(file: pq.ParquetFile) -> dict[str, _Column] | None:
    """The columns that users see, by name; None when one of them has holes, or is not plain."""
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    found = {}
    for index, field in enumerate(file.schema_arrow):
        said = [group.column(index).statistics for group in groups]
        # Nobody promises statistics: without them nothing is known of holes.
        if not is_plain(field) or any(one is None or one.null_count != 0 for one in said):
            return None
        exact = field.type != pa.int64() or all(
            one.has_min_max and one.min >= -_EXACT_INT and one.max <= _EXACT_INT for one in said
        )
        if field.name not in _OURS:
            found[field.name] = _Column(field.type, exact)
    return found


def _joined(found: Sequence[dict[str, _Column]]) -> pa.Schema | None:
    """The columns of all segments as one; None when they have not the same ones."""
    if not found or any(columns.keys() != found[0].keys() for columns in found):
        return None
    fields = []
    for name in found[0]:
        columns = [one[name] for one in found]
        kinds = {column.kind for column in columns}
        if kinds == _NUMBERS and all(column.as_double for column in columns):
            kinds = {pa.float64()}
        if len(kinds) > 1:
            return None
        fields.append(pa.field(name, kinds.pop()))
    return pa.schema(fields)


def _written(schema: pa.Schema, source: JournalSource, blobs: BlobStore) -> Iterator[bytes]:
    sink = _Sink()
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    with pq.ParquetWriter(sink, schema, compression="zstd", use_dictionary=texts) as writer:
        for file in _files(source, blobs):
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=schema.names, use_threads=False)
                # Selected once more: pyarrow takes "a" for "a.b" too.
                plain = table.select(schema.names).cast(schema)
                writer.write_table(plain, row_group_size=_ROW_GROUP)
                yield sink.taken()
    yield sink.taken()
