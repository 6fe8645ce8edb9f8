"""Pages of lists: edges, cursors and what comes next, as GraphQL connections.

Owns the cursor: it names what it stands behind, so that a list that grows between two pages
repeats and skips nothing. Must not know what is in a list.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.errors import UsageError

__all__ = ["connection", "cursor_of", "nothing", "span_of_page"]

_MAX_PAGE = 10_000


def connection(
    nodes: Sequence[Any], names: Sequence[str], arguments: Mapping[str, Any], default: int
) -> dict[str, Any]:
    """One page of a list that is there whole.

    Args:
        nodes: the whole list.
        names: of the nodes; no two are the same.
        arguments: ``first`` and ``after``, both of which may be missing.
        default: how many nodes without ``first``.
    """
    start, end = span_of_page(names, arguments, default)
    shown = zip(nodes[start:end], names[start:end], range(start, end), strict=True)
    edges = [{"node": node, "cursor": cursor_of(name, at)} for node, name, at in shown]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": end < len(nodes),
        },
        "totalCount": len(nodes),
    }


def nothing() -> dict[str, Any]:
    """A list with nothing in it."""
    return connection((), (), {}, 1)


def span_of_page(
    names: Sequence[str], arguments: Mapping[str, Any], default: int
) -> tuple[int, int]:
    """Where the page that the arguments ask for begins and ends.

    Raises:
        UsageError: ``after`` is no cursor, or ``first`` is negative.
    """
    first = arguments.get("first")
    count = default if first is None else first
    if count < 0:
        raise UsageError(f"a page of {count} entries", "ask for 0 or more")
    start = _after(names, arguments.get("after") or "")
    return start, min(start + min(count, _MAX_PAGE), len(names))


def cursor_of(name: str, place: int) -> str:
    """The cursor behind an entry."""
    return base64.urlsafe_b64encode(json.dumps([name, place]).encode()).decode()


def _after(names: Sequence[str], cursor: str) -> int:
    """Behind the entry that the cursor names, or where that stood if it is gone."""
    if not cursor:
        return 0
    try:
        name, place = json.loads(base64.urlsafe_b64decode(cursor))
        place = int(place)
    except (ValueError, TypeError, binascii.Error) as error:
        raise UsageError(
            "'after' is not the cursor of an answer", "leave it out to begin anew"
        ) from error
    if 0 <= place < len(names) and names[place] == name:  # nearly always: nothing moved
        return place + 1
    try:
        return names.index(name) + 1
    except ValueError:
        return min(max(place, 0), len(names))
