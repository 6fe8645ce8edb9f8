"""Reading a recorded run for tests, and comparing what it holds with what was logged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from wandb_runs import Media, Shown

from holdfast.journal import Frame, Gap, Reader
from holdfast.records.batch import Batch
from holdfast.records.replay import Applied, Replay

#: keys that clients add to every row
OWN_KEYS = ("_timestamp", "_runtime")


class Read(NamedTuple):
    """A journal as it was read."""

    replay: Replay
    applied: Applied
    payloads: list[bytes]
    gaps: list[Gap]

    @property
    def rows(self) -> list[tuple[int, dict[str, Any]]]:
        return rows_of(self.applied.rows)


def read(journal: Path) -> Read:
    with journal.open("rb") as file:
        items = list(Reader(file))
    payloads = [item.payload for item in items if isinstance(item, Frame)]
    replay = Replay()
    applied = replay.apply(payloads)
    return Read(replay, applied, payloads, [item for item in items if isinstance(item, Gap)])


def rows_of(batches: Iterable[Batch]) -> list[tuple[int, dict[str, Any]]]:
    """Step and values of every row, without what clients add."""
    rows = []
    for batch in batches:
        columns = {key: batch.values(index) for index, key in enumerate(batch.keys)}
        for number, step in enumerate(batch.steps):
            assert step is not None
            row = {key: column[number] for key, column in columns.items() if key not in OWN_KEYS}
            rows.append((step, row))
    return rows


def same(logged: Any, read_back: Any) -> bool:
    """Whether a value is what was logged: numbers and strings exactly, NaN is NaN."""
    if isinstance(logged, Media):
        return isinstance(read_back, dict) and "_type" in read_back
    if isinstance(logged, Shown):
        return isinstance(read_back, str) and read_back != ""
    if isinstance(logged, float) and logged != logged:
        return isinstance(read_back, float) and read_back != read_back
    if isinstance(logged, dict):
        return (
            isinstance(read_back, dict)
            and logged.keys() == read_back.keys()
            and all(same(value, read_back[key]) for key, value in logged.items())
        )
    if isinstance(logged, list):
        return (
            isinstance(read_back, list)
            and len(logged) == len(read_back)
            and all(map(same, logged, read_back))
        )
    if isinstance(logged, bool) or isinstance(read_back, bool):
        return logged is read_back
    return bool(logged == read_back)
