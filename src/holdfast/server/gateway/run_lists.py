"""Lists of runs as filtered and ordered, kept for the pages that are asked for next.

Owns what is kept and for how long. Must not know what a filter means.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from holdfast.server.gateway import filters
from holdfast.server.query import Queries, RunEntry

__all__ = ["RunLists"]

_MAX_KEPT = 64


class _Kept(NamedTuple):
    """A list, and the list of all runs that it was made from."""

    source: list[RunEntry]
    found: list[RunEntry]


class RunLists:
    """Answers which runs of a project a filter finds. May be called from several threads.

    Args:
        queries: the read side, which gives the same list of all runs again while none changed.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def found(
        self, entity: str, project: str, wanted: str, order: str | None = None
    ) -> list[RunEntry]:
        """The runs that a filter finds, in an order; in no particular one without.

        Raises:
            NotFoundError: no such project. UsageError: it is no filter, or no order.
        """
        source = self._queries.entries(entity, project)
        key = (entity, project, wanted, "" if order is None else f"by {order}")
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and kept.source is source:
            return kept.found
        if order is None:
            found = filters.chosen(source, wanted)
        else:
            found = filters.ordered(self.found(entity, project, wanted), order)
        with self._lock:
            self._kept[key] = _Kept(source, found)
            self._kept.move_to_end(key)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return found
