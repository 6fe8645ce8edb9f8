"""Consoles of runs as wandb clients read them: numbered lines, from the start or the end.

Must not know how a console is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.records.times import iso_exact
from holdfast.server.gateway.context import Context, Fields

__all__ = ["FIELDS"]

_Arguments = Mapping[str, Any]
_PAGE = 1000
_MAX_PAGE = 10_000


def _log_lines(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    run = source["entry"].path
    start, count = _span(arguments)
    if arguments.get("last") is not None:
        total = context.queries.console(run, 0, 1)["total"]
        start = max(0, total - count)
    page = context.queries.console(run, start, count)
    # Asked for what lies behind the end, the console gives its last line again.
    lines = [line for line in page["lines"] if line["number"] >= start]
    edges = [{"node": _line(line), "cursor": str(line["number"])} for line in lines]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": page["next"] is not None,
        },
    }


def _span(arguments: _Arguments) -> tuple[int, int]:
    """From which line, and how many."""
    after = arguments.get("after") or ""
    if after and not (after.isascii() and after.isdigit() and len(after) < 16):
        raise UsageError("'after' is not the cursor of an answer", "leave it out to begin anew")
    asked = arguments.get("last")
    asked = arguments.get("first") if asked is None else asked
    count = _PAGE if asked is None else asked
    if count < 0:
        raise UsageError(f"{count} lines", "ask for 0 or more")
    return (int(after) + 1 if after else 0), min(count, _MAX_PAGE)


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": line["number"],
        "timestamp": iso_exact(line["timestamp"]),
        "level": "error" if line["stream"] == "stderr" else "",
        "label": line["label"],
        "line": line["text"],
    }


def _log_count(source: Any, context: Context, arguments: _Arguments) -> int:
    del arguments
    if "logLineCount" in source:
        return int(source["logLineCount"])
    return int(context.queries.console(source["entry"].path, 0, 1)["total"])


FIELDS: Fields = {"Run": {"logLines": _log_lines, "logLineCount": _log_count}}
