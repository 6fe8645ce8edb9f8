"""System samples of a run: all of them, and the last value of each metric.

Must not know HTTP, SQL or Parquet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.ids import RunPath
from holdfast.server.history import JournalSource, last_samples, read_samples
from holdfast.server.query.lines import SYSTEM_PREFIX
from holdfast.server.query.sources import Stores, by_writer, must_find_run, sources_of

__all__ = ["all_samples", "latest_samples"]

_LAST = 32  # a GPU and a disk report in samples of their own


def all_samples(stores: Stores, run: RunPath) -> Iterator[dict[str, Any]]:
    """Every sample in order, its keys as users see them; NotFoundError for no such run."""
    sources = _sources(stores, run)
    return (_named(sample) for sample in read_samples(sources, stores.blobs))


def latest_samples(stores: Stores, run: RunPath) -> dict[str, Any]:
    """The last value of each system metric that was sampled lately."""
    values: dict[str, Any] = {}
    for sources in by_writer(_sources(stores, run)).values():
        for sample in last_samples(sources, stores.blobs, _LAST):
            values.update(_named(sample))
    return values


def _sources(stores: Stores, run: RunPath) -> list[JournalSource]:
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        return sources_of(tx, stores.blobs, [pk], "system")[pk]


def _named(sample: dict[str, Any]) -> dict[str, Any]:
    return {
        key if key.startswith("_") else f"{SYSTEM_PREFIX}{key}": value
        for key, value in sample.items()
    }
