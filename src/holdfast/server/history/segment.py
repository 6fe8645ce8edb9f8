"""Writing segments: rows, system samples and console text as Parquet.

Owns the layout that docs/formats/history-segments.md promises. Must not know where a segment is
kept or who names it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.records.batch import Batch
from holdfast.records.replay import ConsoleText, Stat
from holdfast.server.history.encode import encode_columns
from holdfast.server.history.gather import Gathered, Path, gather, gather_rows, kinds
from holdfast.server.history.model import Stretch
from holdfast.server.history.stretches import numbers, step_array

__all__ = [
    "ROW",
    "STEP",
    "STRETCH",
    "TIMESTAMP",
    "Written",
    "write_console",
    "write_history",
    "write_system",
]

STEP, ROW, STRETCH, TIMESTAMP = "_step", "_row", "_stretch", "_timestamp"

_ROW_GROUP = 128 * 1024
_VERSION = {b"holdfast.segment": b"1"}


@dataclass(frozen=True)
class Written:
    """A segment's bytes, and what its row in the metastore says of it (see `Segment`)."""

    kind: str
    data: bytes
    rows: int
    first_row: int
    first_step: int | None
    last_step: int | None
    columns: Mapping[str, str]


def write_history(
    batches: Sequence[Batch], first_row: int, stretches: Sequence[Stretch]
) -> Written:
    """The segment of these rows.

    Args:
        batches: the rows, every step known.
        first_row: the number of the first one in its journal.
        stretches: all of the journal's, up to the last of these rows at least.
    """
    steps = step_array([step for batch in batches for step in batch.steps])
    columns = gather(batches)
    fixed = {
        STEP: pa.array(steps),
        ROW: _row_numbers(first_row, len(steps)),
        STRETCH: pa.array(numbers(stretches, first_row, len(steps))),
    }
    data = _write(fixed, columns, len(steps))
    low, high = int(steps.min()), int(steps.max())
    return Written("history", data, len(steps), first_row, low, high, kinds(columns))


def write_system(stats: Sequence[Stat], first_row: int) -> Written:
    """The segment of these system samples; ``first_row`` counts samples."""
    columns = gather_rows([stat.values for stat in stats])
    fixed = {
        TIMESTAMP: pa.array([stat.timestamp for stat in stats], pa.float64()),
        ROW: _row_numbers(first_row, len(stats)),
    }
    data = _write(fixed, columns, len(stats))
    return Written("system", data, len(stats), first_row, None, None, kinds(columns))


def write_console(texts: Sequence[ConsoleText], first_row: int) -> Written:
    """The segment of this console text; ``first_row`` counts pieces of text as written."""
    fixed = {
        "timestamp": pa.array([text.timestamp for text in texts], pa.float64()),
        "stream": pa.array([text.stream for text in texts], pa.string()),
        "text": pa.array([text.text for text in texts], pa.string()),
        ROW: _row_numbers(first_row, len(texts)),
    }
    if any(text.label for text in texts):
        fixed["label"] = pa.array([text.label for text in texts], pa.string())
    return Written("console", _write(fixed, {}, len(texts)), len(texts), first_row, None, None, {})


def _row_numbers(first: int, count: int) -> pa.Array:
    rows: NDArray[np.int64] = np.arange(first, first + count, dtype=np.int64)
    return pa.array(rows)


def _write(fixed: Mapping[str, pa.Array], columns: Mapping[Path, Gathered], total: int) -> bytes:
    arrays, fields = encode_columns(columns, total, tuple(fixed))
    schema = pa.schema(
        [*(pa.field(name, array.type) for name, array in fixed.items()), *fields],
        metadata=_VERSION,
    )
    table = pa.Table.from_arrays([*fixed.values(), *arrays], schema=schema)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    encodings = {
        field.name: "BYTE_STREAM_SPLIT"
        if pa.types.is_floating(field.type)
        else "DELTA_BINARY_PACKED"
        for field in schema
        if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    }
    out = io.BytesIO()
    pq.write_table(
        table,
        out,
        row_group_size=_ROW_GROUP,
        compression="zstd",
        use_dictionary=texts or False,
        column_encoding=encodings,
    )
    return out.getvalue()
