"""The part of a journal that no segment holds yet, read from its own bytes.

Must not know where the bytes are kept.
"""

from __future__ import annotations

from typing import NamedTuple

from holdfast import journal
from holdfast.records.batch import Batch
from holdfast.records.replay import ConsoleText, Replay, Stat

__all__ = ["Tail", "read_tail"]


class Tail(NamedTuple):
    """What the tail of a journal holds, each in order."""

    rows: list[Batch]
    stats: list[Stat]
    console: list[ConsoleText]

    @property
    def row_count(self) -> int:
        """How many rows of history."""
        return sum(len(batch.steps) for batch in self.rows)


def read_tail(
    data: bytes, start: int, first_row: int | None = None, runtime_since: int = 0
) -> Tail:
    """Read a journal's bytes from position ``start`` on.

    Args:
        data: the bytes.
        start: where they stand.
        first_row: the number of their first row in the journal. A row that names no step follows
            the one before it; the first of all has this step (for a journal without steps that is
            the rule from its beginning). None: no such row is expected to come first.
        runtime_since: what the journal's `run` record said, if it stands before ``start``.
    """
    replay = Replay()
    replay.last_step = first_row - 1 if first_row else None
    replay.runtime_since = runtime_since
    return Tail(*replay.apply(journal.scan_payloads(data, start).payloads))
