"""Lists that come in pages: a page is asked for when its first item is.

Owns laziness, length, indexing. Must not know what the items are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, overload

__all__ = ["Pages"]

T = TypeVar("T")


class Pages(Sequence[T]):
    """A sequence that asks for its items page by page."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._next: str = ""
        self._more = True

    @abstractmethod
    def _page(self, after: str) -> tuple[list[T], str | None]:
        """The items after a cursor (empty: from the start), and the next cursor, if any."""

    @property
    def more(self) -> bool:
        """Whether there may be items that were not asked for yet."""
        return self._more

    def _load(self) -> None:
        items, following = self._page(self._next)
        self._items += items
        self._more = bool(following)
        self._next = following or ""

    def _load_up_to(self, count: int) -> None:
        while self._more and len(self._items) < count:
            self._load()

    def _load_all(self) -> None:
        while self._more:
            self._load()

    def __iter__(self) -> Iterator[T]:
        at = 0
        while True:
            if at >= len(self._items):
                self._load_up_to(at + 1)
                if at >= len(self._items):
                    return
            yield self._items[at]
            at += 1

    def __len__(self) -> int:
        self._load_all()
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index >= 0:
            self._load_up_to(index + 1)
        elif isinstance(index, slice) and (index.stop or -1) >= 0 and (index.start or 0) >= 0:
            self._load_up_to(index.stop)
        else:
            self._load_all()
        return self._items[index]
