"""Console of a run: the lines a terminal would show, by number.

Owns the numbering, and what is kept of the consoles asked for last: replaying a million lines for
every page would be slow. Must not know HTTP, SQL or Parquet.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from heapq import merge
from operator import attrgetter
from typing import Any

from holdfast.ids import RunPath
from holdfast.server.history import JournalSource, read_console
from holdfast.server.query.sources import Stores, by_writer, must_find_run, sources_of
from holdfast.server.query.terminal import ScreenLine, Terminal

__all__ = ["Console"]

_MAX_KEPT = 8

_Signature = tuple[tuple[str, int], ...]


class Console:
    """Answers about consoles, of one server."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._kept: OrderedDict[int, tuple[_Signature, list[ScreenLine]]] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, run: RunPath, after: int, limit: int) -> dict[str, Any]:
        """``{lines, next, total}``; numbers count from 0.

        A page after the last line has the last line again: a progress bar may have rewritten it.

        Raises:
            NotFoundError: no such run.
        """
        with self._stores.meta.read() as tx:
            pk = must_find_run(tx, run)
            sources = sources_of(tx, self._stores.blobs, [pk], "console")[pk]
        lines = self._lines(pk, sources)
        first = min(max(after, 0), max(len(lines) - 1, 0))
        shown = [
            {
                "number": number,
                "stream": line.stream,
                "label": line.label,
                "timestamp": line.timestamp,
                "text": line.text,
            }
            for number, line in enumerate(lines[first : first + limit], first)
        ]
        end = first + len(shown)
        return {
            "lines": shown,
            "next": end if end < len(lines) else None,
            "total": len(lines),
        }

    def _lines(self, pk: int, sources: list[JournalSource]) -> list[ScreenLine]:
        signature = tuple((s.journal, s.tail_start + len(s.tail)) for s in sources)
        with self._lock:
            kept, lines = self._kept.get(pk, ((), []))
        if kept != signature:
            writers = [self._shown(*one) for one in by_writer(sources).items()]
            # By the clock over all writers; the lines of each stay in their order.
            lines = list(merge(*writers, key=attrgetter("timestamp")))
            with self._lock:
                self._kept[pk] = signature, lines
                self._kept.move_to_end(pk)
                while len(self._kept) > _MAX_KEPT:
                    self._kept.popitem(last=False)
        return lines

    def _shown(self, label: str, sources: list[JournalSource]) -> list[ScreenLine]:
        """The lines of journals of one label; wandb's clients may each have one of their own."""
        terminal = Terminal()
        for text in read_console(sources, self._stores.blobs):
            terminal.write(text.stream, text.timestamp, text.text, label or text.label)
        return terminal.lines
