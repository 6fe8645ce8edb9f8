"""Rewinding a run: what it logged after a step counts no more, and it goes on from there.

Must not know how rows are hidden.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from holdfast.errors import NotFoundError, UsageError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import may_write, run_path
from holdfast.server.gateway.upserts import answered
from holdfast.server.ingest import Held
from holdfast.server.ingest.sessions import SESSION, beginning
from holdfast.server.query import RowsRequest

__all__ = ["FIELDS"]


def _rewind(source: Any, context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    del source
    given = arguments["input"]
    run = run_path(
        context, given.get("entityName"), given.get("projectName") or "", given["runName"]
    )
    may_write(context, run.entity)
    step = _step(given)
    kept, last = _kept(context, run, step)

    def say(held: Held) -> list[bytes]:
        if held.run is None:
            raise NotFoundError(f"no run {run}", "check the name")
        info = RunInfo(
            "",
            start_time=time.time(),
            resumed=True,
            starting_step=step + 1,
            branch_run=run.run_id,
            branch_step=step,
        )
        counts = held.counts._replace(history=kept)
        return [
            *beginning(run, info, SESSION, held),
            encode.stream_counts(counts),
            encode.summary(last),
        ]

    context.ingest.append(run, say)
    return {"rewoundRun": {**answered(context, run), "historyLineCount": kept}}


def _step(given: Mapping[str, Any]) -> int:
    value = given["metricValue"]
    if given["metricName"] != "_step" or not 0 <= value < 2**53 or value != int(value):
        raise UsageError(
            f"a run cannot be rewound to {given['metricName']} {value}", "rewind to a _step"
        )
    return int(value)


def _kept(context: Context, run: RunPath, step: int) -> tuple[int, dict[str, Any]]:
    """How many rows stay, and the summary as they leave it."""
    count, last = 0, {}
    for batch in context.queries.rows(run, RowsRequest(max_step=step)):
        count += len(batch)
        for row in batch:
            last.update(row)
    return count, last


FIELDS: Fields = {"Mutation": {"rewindRun": _rewind}}
