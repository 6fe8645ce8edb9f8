"""Runs as wandb clients read them: one run's fields, and lists of runs.

Owns what each field says. Histories, files and consoles have modules of their own. Must not know
how a filter is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath, check_run_id
from holdfast.records.times import iso
from holdfast.records.values import dumps
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import make_id
from holdfast.server.gateway.paging import cursor_of, nothing, span_of_page
from holdfast.server.gateway.projects import number_of
from holdfast.server.gateway.viewer import user_source
from holdfast.server.gateway.words import state_of
from holdfast.server.query import RunEntry

__all__ = ["FIELDS", "config_text", "deleted_source", "run_source"]

_Arguments = Mapping[str, Any]
_PAGE = 50


def run_source(entry: RunEntry, context: Context, project: Mapping[str, Any]) -> dict[str, Any]:
    """A run as an object of the schema; what is dear to find out has a resolver.

    Args:
        entry: the run.
        context: of the request.
        project: the run's project as an object of the schema.
    """
    row, path, state = entry.row, entry.path, state_of(entry)
    git = entry.metadata.get("git")
    return {
        "entry": entry,
        "id": make_id("Run", *path),
        "name": row["run_id"],
        "displayName": row["name"],
        "description": row["notes"],
        "notes": row["notes"],
        "tags": row["tags"],
        "group": row["group"] or None,
        "jobType": row["job_type"] or None,
        "commit": git.get("commit") if isinstance(git, dict) else None,
        "host": entry.metadata.get("host"),
        "state": state,
        "exitcode": entry.exit_code,
        "running": state == "running",
        "failed": state == "failed",
        "stopped": False,
        "shouldStop": False,
        "readOnly": path.entity != context.user.name,
        "sweepName": None,
        "project": project,
        "user": user_source(path.entity),
        "createdAt": iso(row["started_at"]) or iso(0.0),
        "updatedAt": iso(row["heard_at"]),
        "heartbeatAt": iso(row["heard_at"]),
        "historyLineCount": row["rows"],
    }


def deleted_source(path: RunPath, project: Mapping[str, Any]) -> dict[str, Any]:
    """A run that was deleted, as the client that still writes it is told of it."""
    return {
        "entry": None,
        "id": make_id("Run", *path),
        "name": path.run_id,
        "displayName": path.run_id,
        "project": project,
        "createdAt": iso(0.0),
    }


def config_text(config: Mapping[str, Any], client: Mapping[str, Any]) -> str:
    """A config in W&B's shape: every entry is an object with its value, `_wandb` among them."""
    whole = {**config, "_wandb": client} if client else config
    return dumps({key: {"value": value} for key, value in whole.items()})


def _runs(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    wanted, order = arguments.get("filters") or "", arguments.get("order") or ""
    found = context.lists.found(source["entityName"], source["name"], wanted, order)
    if (named := arguments.get("names")) is not None:
        found = [entry for entry in found if entry.row["run_id"] in set(named)]
    names = [entry.row["run_id"] for entry in found]
    start, end = span_of_page(names, arguments, _PAGE)
    edges = [
        {"node": run_source(found[at], context, source), "cursor": cursor_of(names[at], at)}
        for at in range(start, end)
    ]
    return {
        "edges": edges,
        "pageInfo": {
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": end < len(found),
        },
        "totalCount": len(found),
    }


def _run_count(source: Any, context: Context, arguments: _Arguments) -> int:
    wanted = arguments.get("filters") or ""
    return len(context.lists.found(source["entityName"], source["name"], wanted))


def _run(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any] | None:
    path = RunPath(source["entityName"], source["name"], check_run_id(arguments.get("name") or ""))
    try:
        entry = context.queries.entry(path)
    except NotFoundError:
        return None  # this is how clients learn that there is none
    return run_source(entry, context, source)


def _project_id(source: Any, context: Context, arguments: _Arguments) -> int:
    del arguments
    return number_of(source["project"], context)


def _bucket(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any] | None:
    """A run as a client asks for one that it goes on with: its lines are counted as they came."""
    run = _run(source, context, arguments)
    if run is None:
        return None
    counts = context.ingest.counts(run["entry"].path)
    return {
        **run,
        "historyLineCount": counts.history,
        "eventsLineCount": counts.events,
        "logLineCount": counts.output,
    }


def _config(source: Any, context: Context, arguments: _Arguments) -> str:
    del arguments
    entry: RunEntry | None = source["entry"]
    if entry is None:
        return "{}"
    return config_text(entry.config, context.queries.client(entry.path))


def _wandb_config(source: Any, context: Context, arguments: _Arguments) -> str:
    """Some entries of W&B's own part of the config.

    Clients take a run for one that can be resumed when there is a ``t`` in it, whatever it is.
    """
    client = {"t": {}, **context.queries.client(source["entry"].path)}
    keys = arguments.get("keys")
    return dumps(client if keys is None else {k: v for k, v in client.items() if k in keys})


def _summary(source: Any, context: Context, arguments: _Arguments) -> str:
    del context, arguments
    entry: RunEntry = source["entry"]
    return dumps(entry.whole_summary)


def _run_info(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del context, arguments
    said = source["entry"].metadata
    known = {name: said.get(_METADATA.get(name, name)) for name in _RUN_INFO}
    git = said.get("git") if isinstance(said.get("git"), dict) else {}
    return {**known, "codeSaved": bool(said.get("code_path")), "git": git}


_RUN_INFO = (
    *("program", "args", "os", "python", "colab", "executable"),
    *("cpuCount", "gpuCount", "gpu"),
)
_METADATA = {"cpuCount": "cpu_count", "gpuCount": "gpu_count", "gpu": "gpu_type"}


def _no_list(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """No run has artifacts here yet."""
    del source, context, arguments
    return nothing()


def _no_artifact(source: Any, context: Context, arguments: _Arguments) -> None:
    """No artifact has that name here yet.

    Up to 0.20 a client asks for it in each `log_artifact`, tables and plots included, and raises
    an error into the training script.
    """
    del source, context, arguments


FIELDS: Fields = {
    "Project": {
        "artifact": _no_artifact,
        "runs": _runs,
        "buckets": _runs,
        "runCount": _run_count,
        "run": _run,
        "bucket": _bucket,
    },
    "Run": {
        "projectId": _project_id,
        "config": _config,
        "wandbConfig": _wandb_config,
        "summaryMetrics": _summary,
        "runInfo": _run_info,
        "inputArtifacts": _no_list,
        "outputArtifacts": _no_list,
    },
}
