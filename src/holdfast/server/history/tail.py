"""The part of a journal that no segment holds yet, read from its own bytes.

Must not know where the bytes are kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from holdfast import journal
from holdfast.records.batch import Batch
from holdfast.records.replay import ConsoleText, Replay, Stat

__all__ = ["Tail", "read_payloads", "read_tail"]


class Tail(NamedTuple):
    """What the tail of a journal holds, each in order."""

    rows: list[Batch]
    stats: list[Stat]
    console: list[ConsoleText]

    @property
    def row_count(self) -> int:
        """How many rows of history."""
        return sum(len(batch.steps) for batch in self.rows)


def read_tail(data: bytes, start: int, first_row: int | None = None) -> Tail:
    """Read a journal's bytes from position ``start`` on.

    A row that names no step follows the one before it; the first of all has the step
    ``first_row``, its number in the journal (for a journal without steps that is the rule from
    its beginning). None: no such row is expected to come first.
    """
    return read_payloads(journal.scan_payloads(data, start).payloads, first_row)


def read_payloads(payloads: Iterable[bytes], first_row: int | None = None) -> Tail:
    """The same for the payloads of frames."""
    replay = Replay()
    replay.last_step = first_row - 1 if first_row else None
    return Tail(*replay.apply(payloads))
