"""Histories of runs as wandb clients read them: keys, rows, samples of rows, system metrics.

Owns the shapes of rows. Must not know how rows are stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.records.values import dumps, flatten
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.query import RowsRequest, RunEntry

__all__ = ["FIELDS"]

_Arguments = Mapping[str, Any]

_SAMPLES = 500
_MAX_SAMPLES = 100_000
_MAX_ROWS = 1_000_000
_MAX_SPECS = 100
_EXAMPLE = 'write {"keys": ["loss"], "samples": 500}'
_KINDS = {"bool": "boolean", "text": "string", "json": "map"}


def _history_keys(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any] | None:
    """The metrics of a run with their kinds and last values, by dotted key."""
    del context, arguments
    entry: RunEntry = source["entry"]
    if not entry.row["rows"]:
        return None
    flat = entry.flat["summary"]
    return {
        "lastStep": entry.row["last_step"],
        "sets": [],
        "keys": {
            key: _key(kind, entry.row["rows"], flat.get(key))
            for key, kind in {**entry.kinds["history"], "_step": "number"}.items()
        },
    }


def _key(kind: str, rows: int, last: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "typeCounts": [{"type": _KINDS.get(kind, kind), "count": rows}],
        "monotonic": False,
    }
    if isinstance(last, (int, float)) and not isinstance(last, bool):
        said["previousValue"] = last
    return said


def _history(source: Any, context: Context, arguments: _Arguments) -> list[str]:
    """Rows as JSON, nested as logged: all of a span of steps, else a sample of the whole.

    ``maxStep`` itself is not in the span.
    """
    path = source["entry"].path
    least, beyond = _step(arguments, "minStep"), _step(arguments, "maxStep")
    if beyond is None:
        request = RowsRequest(min_step=least)
        return [dumps(row) for row in context.queries.spread(path, request, _samples(arguments))]
    found: list[str] = []
    for rows in context.queries.rows(path, RowsRequest(min_step=least, max_step=beyond - 1)):
        found += map(dumps, rows)
        if len(found) > _MAX_ROWS:
            raise UsageError(
                f"more than {_MAX_ROWS} rows at once", "ask for fewer steps, with page_size say"
            )
    return found


def _events(source: Any, context: Context, arguments: _Arguments) -> list[str]:
    """System metrics as JSON, each with the seconds since the run began."""
    entry: RunEntry = source["entry"]
    found = context.queries.samples(entry.path, _samples(arguments))
    return [dumps(row) for row in _events_of(entry, found)]


def _events_of(entry: RunEntry, samples: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    for sample in samples:
        runtime = sample["_timestamp"] - entry.row["started_at"]
        yield {"_wandb": True, "_runtime": runtime, **sample}


def _sampled_history(source: Any, context: Context, arguments: _Arguments) -> list[Any]:
    """For each question, the rows that have all of its keys, cut down to them, by dotted key."""
    specs = arguments["specs"]
    if len(specs) > _MAX_SPECS:
        raise UsageError(f"{len(specs)} specs at once", f"ask for at most {_MAX_SPECS}")
    return [_sampled(source["entry"], context, _spec(text)) for text in specs]


def _sampled(entry: RunEntry, context: Context, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = spec.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise UsageError("the keys of a spec are no texts", 'write {"keys": ["loss"]}')
    keys = tuple(dict.fromkeys(keys))
    samples = _samples(spec)
    request = RowsRequest(keys, *_span(spec, samples))
    rows = map(flatten, context.queries.spread(entry.path, request, samples))
    if not keys:
        return list(rows)
    return [{key: row[key] for key in keys if key in row} for row in rows]


def _span(spec: Mapping[str, Any], samples: int) -> tuple[int | None, int | None]:
    """The least and the greatest step that a question means, both included.

    Clients scan page by page and ask each time for as many rows as a page has steps. Newer ones
    name a page's last step, older ones the first step of the next page: with W&B's server those
    get that one's row twice.
    """
    least, greatest = _step(spec, "minStep"), _step(spec, "maxStep")
    if least is not None and greatest is not None and greatest - least + 1 != samples:
        greatest -= 1
    return least, greatest


def _spec(text: str) -> Mapping[str, Any]:
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("a spec is not JSON", _EXAMPLE) from error
    if not isinstance(spec, dict):
        raise UsageError("a spec is no object", _EXAMPLE)
    return spec


def _samples(arguments: _Arguments) -> int:
    samples = arguments.get("samples")
    if samples is None:
        return _SAMPLES
    if type(samples) is not int or samples < 1:
        raise UsageError(f"{samples!r:.40} samples", f"ask for 1 to {_MAX_SAMPLES}")
    return min(samples, _MAX_SAMPLES)


def _step(arguments: _Arguments, name: str) -> int | None:
    step = arguments.get(name)
    if step is None:
        return None
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    if type(step) is not int or not -(2**63) < step < 2**63:
        raise UsageError(f"{name} is {step!r:.40}, no step", "give a whole number")
    return step


def _parquet(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """All rows as one file, of a run of which a client reads in it exactly what was logged.

    Else all of its rows are said to be live, for then clients ask for pages: docs/decisions/0027.
    """
    del arguments
    entry: RunEntry = source["entry"]
    if not entry.row["rows"]:
        return {"parquetUrls": [], "liveData": []}
    if context.queries.export(entry.path) is None:
        return {"parquetUrls": [], "liveData": [{"_step": 0}]}
    url = context.signer.history_url(context.base_url, entry.path)
    return {"parquetUrls": [url], "liveData": []}


def _system_metrics(source: Any, context: Context, arguments: _Arguments) -> str:
    del arguments
    entry: RunEntry = source["entry"]
    if not entry.kinds["system"]:
        return "{}"
    return dumps(context.queries.latest_samples(entry.path))


def _events_count(source: Any, context: Context, arguments: _Arguments) -> int:
    del arguments
    if "eventsLineCount" in source:
        return int(source["eventsLineCount"])
    return len(context.queries.samples(source["entry"].path))


def _history_tail(source: Any, context: Context, arguments: _Arguments) -> str:
    """The last row, as a JSON list of JSON texts."""
    del arguments
    entry: RunEntry = source["entry"]
    step = entry.row["last_step"]
    found = (
        []
        if step is None
        else context.queries.spread(entry.path, RowsRequest(min_step=step, max_step=step), 1)
    )
    return dumps([dumps(row) for row in found[-1:]])


def _events_tail(source: Any, context: Context, arguments: _Arguments) -> str:
    del arguments
    entry: RunEntry = source["entry"]
    last = context.queries.latest_samples(entry.path)
    return dumps([dumps(row) for row in _events_of(entry, [last] if last else [])])


FIELDS: Fields = {
    "Run": {
        "historyKeys": _history_keys,
        "history": _history,
        "events": _events,
        "sampledHistory": _sampled_history,
        "parquetHistory": _parquet,
        "systemMetrics": _system_metrics,
        "historyTail": _history_tail,
        "eventsTail": _events_tail,
        "eventsLineCount": _events_count,
    }
}
