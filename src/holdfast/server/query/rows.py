"""Rows of a run's history: all of them in order, or a few spread evenly.

Owns which rows and keys an answer has. Must not know HTTP, SQL or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from holdfast.ids import RunPath
from holdfast.records.values import to_strict
from holdfast.server.history import HistoryRow, JournalSource, read_rows
from holdfast.server.query.sources import Stores, must_find_run, sources_of

__all__ = ["RowsRequest", "all_rows", "sampled_rows"]

_BATCH = 500


@dataclass(frozen=True)
class RowsRequest:
    """Which rows of a run.

    Args:
        keys: rows that have all of these, cut down to them; empty for whole rows.
        min_step: the least step wanted; None for no bound.
        max_step: the greatest step wanted, included.
        latest: leave out rows that a later stretch wrote again.
    """

    keys: tuple[str, ...] = ()
    min_step: int | None = None
    max_step: int | None = None
    latest: bool = True


def all_rows(stores: Stores, run: RunPath, request: RowsRequest) -> Iterator[list[dict[str, Any]]]:
    """Every row in order, nested as logged, in batches; NotFoundError at once for no such run."""
    sources = _sources(stores, run)
    return _strict_batches(_read(stores, sources, request))


def sampled_rows(
    stores: Stores, run: RunPath, keys: tuple[str, ...], samples: int
) -> dict[str, Any]:
    """``{rows: [...]}``: at most ``samples`` rows, the first and the last among them."""
    sources = _sources(stores, run)
    request = RowsRequest(keys=keys)
    total = sum(1 for _ in _read(stores, sources, request))
    picked = _evenly(total, samples)
    rows = [
        to_strict(row.values)
        for number, row in enumerate(_read(stores, sources, request))
        if number in picked
    ]
    return {"rows": rows}


def _sources(stores: Stores, run: RunPath) -> list[JournalSource]:
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        return sources_of(tx, [pk])[pk]


def _read(
    stores: Stores, sources: list[JournalSource], request: RowsRequest
) -> Iterator[HistoryRow]:
    return read_rows(
        sources,
        stores.blobs,
        keys=list(request.keys) or None,
        span=(request.min_step, request.max_step),
        latest=request.latest,
    )


def _strict_batches(rows: Iterator[HistoryRow]) -> Iterator[list[dict[str, Any]]]:
    while batch := [to_strict(row.values) for row in islice(rows, _BATCH)]:
        yield batch


def _evenly(total: int, samples: int) -> frozenset[int]:
    if total <= samples:
        return frozenset(range(total))
    if samples == 1:
        return frozenset({total - 1})
    return frozenset(round(place * (total - 1) / (samples - 1)) for place in range(samples))
