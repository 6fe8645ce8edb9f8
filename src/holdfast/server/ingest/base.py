"""What every part of ingest works on: the two stores, and the locks of runs.

Must not know what is written.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from holdfast.server.blobstore import BlobStore
from holdfast.server.metastore import MetaStore

__all__ = ["INLINE_BYTES", "Base", "Locks", "fresh", "journal_blob"]

INLINE_BYTES = 256 * 1024
"""What is shorter lies in the metastore first, and becomes a part of a blob when nobody waits."""

_STRIPES = 128


class Locks:
    """A lock for each of many names. Two names may share one; none is held while taking another."""

    def __init__(self) -> None:
        self._locks = tuple(threading.Lock() for _ in range(_STRIPES))

    def of(self, name: Hashable) -> threading.Lock:
        """The lock of a name."""
        return self._locks[hash(name) % _STRIPES]


@dataclass(frozen=True)
class Base:
    """The stores that ingest writes to.

    Args:
        store: rows.
        blobs: bytes.
        clock: Unix seconds.
        locks: one run is changed by one thread at a time.
        appending: a run's own journal is written by one thread at a time. Taken before `locks`.
        failed: what upkeep could not do (journals, packs), and when to try again.
    """

    store: MetaStore
    blobs: BlobStore
    clock: Callable[[], float] = time.time
    locks: Locks = field(default_factory=Locks)
    appending: Locks = field(default_factory=Locks)
    failed: dict[str, float] = field(default_factory=dict)


def fresh() -> str:
    """A part of a blob's name that no other blob has.

    A blob is named anew each time it is written: one that a crash orphaned is then never taken
    for the one that the next attempt writes, and can be swept at any time.
    """
    return secrets.token_hex(6)


def journal_blob(journal: str, start: int, end: int) -> str:
    """A new name for a blob with a journal's bytes from one position to another."""
    return f"journals/{journal[:2]}/{journal}-{start}-{end}-{fresh()}"
