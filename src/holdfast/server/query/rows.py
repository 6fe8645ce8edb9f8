"""Rows of a run's history: all of them in order, or a few spread evenly.

Owns which rows and keys an answer has. Must not know HTTP, SQL or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from holdfast.ids import RunPath
from holdfast.records.values import flatten, to_strict
from holdfast.server.history import JournalSource, read_rows
from holdfast.server.query.sources import Stores, by_writer, must_find_run, sources_of

__all__ = ["RowsRequest", "all_rows", "evenly", "sampled_rows", "spread_rows"]

_BATCH = 500
_ROOM = 4096
_STEP = "_step"
_LABEL = "_label"

_Row = dict[str, Any]


@dataclass(frozen=True)
class RowsRequest:
    """Which rows of a run.

    Args:
        keys: rows that have all of these, cut down to them and ``_step``; empty for whole rows.
            Of a run with several writers ``_label`` says whose a row is.
        min_step: the least step wanted; None for no bound.
        max_step: the greatest step wanted, included.
        latest: leave out rows that a later stretch wrote again.
    """

    keys: tuple[str, ...] = ()
    min_step: int | None = None
    max_step: int | None = None
    latest: bool = True


def all_rows(stores: Stores, run: RunPath, request: RowsRequest) -> Iterator[list[_Row]]:
    """Every row, exactly as logged, in batches; NotFoundError at once for no such run.

    They are in order; those of several writers come writer after writer.
    """
    return _batches(_read(stores, run, request))


def sampled_rows(
    stores: Stores, run: RunPath, keys: tuple[str, ...], samples: int
) -> dict[str, Any]:
    """``{rows: [...]}``: at most ``samples`` rows, the first and the last among them."""
    rows = spread_rows(stores, run, RowsRequest(keys=keys), samples)
    return {"rows": [to_strict(row) for row in rows]}


def spread_rows(stores: Stores, run: RunPath, request: RowsRequest, samples: int) -> list[_Row]:
    """The same for any question about rows, exactly as logged."""
    return evenly(_read(stores, run, request), samples)


def _read(stores: Stores, run: RunPath, request: RowsRequest) -> Iterator[_Row]:
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        sources = sources_of(tx, stores.blobs, [pk])[pk]
    keys = frozenset(request.keys) - {_STEP, _LABEL}
    values = chain.from_iterable(
        _written(stores, label, some, sorted(keys), request)
        for label, some in by_writer(sources).items()
    )
    if request.keys and not keys:
        return ({key: row[key] for key in (_STEP, _LABEL) if key in row} for row in values)
    if len(keys) > 1:  # those with none of the keys are left out already
        return (row for row in values if keys <= flatten(row).keys())
    return values


def _written(
    stores: Stores,
    label: str,
    sources: Sequence[JournalSource],
    keys: list[str],
    request: RowsRequest,
) -> Iterator[_Row]:
    """The rows of one writer, with its label."""
    rows = read_rows(
        sources,
        stores.blobs,
        keys=keys or None,
        span=(request.min_step, request.max_step),
        latest=request.latest,
    )
    if not label:
        return (row.values for row in rows)
    return ({_STEP: row.step, _LABEL: label, **row.values} for row in rows)


def _batches(rows: Iterator[_Row]) -> Iterator[list[_Row]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def evenly(rows: Iterator[_Row], samples: int) -> list[_Row]:
    """At most ``samples`` of the rows at even distances, in one pass and little memory."""
    kept: list[_Row] = []
    room = max(4 * samples, _ROOM)
    stride, last, count = 1, None, 0
    for number, row in enumerate(rows):
        if number % stride == 0:
            kept.append(row)
            if len(kept) > room:
                kept, stride = kept[::2], 2 * stride
        last, count = row, number + 1
    if last is not None and (count - 1) % stride:
        kept.append(last)
    if len(kept) <= samples:
        return kept
    if samples == 1:
        return kept[-1:]
    return [kept[round(place * (len(kept) - 1) / (samples - 1))] for place in range(samples)]
