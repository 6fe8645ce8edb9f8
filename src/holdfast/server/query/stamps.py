"""By what a row or a sample that comes again is known: its step, and the time at which it was made.

Must not know who asks, HTTP, SQL or Parquet.
"""

from __future__ import annotations

from holdfast.ids import RunPath
from holdfast.server.history import read_columns
from holdfast.server.query.sources import Stores, must_find_run, sources_of

__all__ = ["row_stamps", "stat_stamps"]

_TIMESTAMP = "_timestamp"


def row_stamps(
    stores: Stores, run: RunPath, least: int, greatest: int
) -> frozenset[tuple[int, float]]:
    """(step, Unix seconds) of all rows with such steps, those taken over by others too."""
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        sources = sources_of(tx, stores.blobs, [pk])[pk]
    found = read_columns(sources, stores.blobs, [_TIMESTAMP], span=(least, greatest), latest=False)
    return frozenset(zip(found.steps.tolist(), found.values[_TIMESTAMP].tolist(), strict=True))


def stat_stamps(stores: Stores, run: RunPath) -> frozenset[float]:
    """Unix seconds of all samples of system metrics."""
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        sources = sources_of(tx, stores.blobs, [pk], "system")[pk]
    found = read_columns(sources, stores.blobs, [_TIMESTAMP], kind="system")
    return frozenset(found.values[_TIMESTAMP].tolist())
