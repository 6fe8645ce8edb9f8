"""What wandb clients do to runs beside logging: files, alerts, stopping, deleting.

Owns these mutations. Must not know how bytes or records are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import make_id, may_write, read_id, run_of_id, run_path
from holdfast.server.gateway.run_files import file_name
from holdfast.server.ingest.edits import edit

__all__ = ["FIELDS"]

_Arguments = Mapping[str, Any]
_MAX_WAIT = 2**62


def _run(context: Context, given: Mapping[str, Any]) -> RunPath:
    """The run that an input names, if the one who asks may write it."""
    run = run_path(context, given.get("entityName"), given["projectName"], given["runName"])
    may_write(context, run.entity)
    return run


def _of_id(context: Context, given: Mapping[str, Any]) -> RunPath:
    run = run_of_id(given["id"])
    may_write(context, run.entity)
    return run


def _create_files(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """Where files can be put. The run need not know them before their bytes are there."""
    del source
    given = arguments["input"]
    run = _run(context, given)
    context.queries.entry(run)
    files = [
        {
            "id": make_id("File", *run, path),
            "name": name,
            "uploadUrl": context.signer.write_url(context.base_url, run, path),
            "uploadHeaders": [],
        }
        for name in given["files"]
        for path in (file_name(name),)
    ]
    return {"runID": make_id("Run", *run), "uploadHeaders": [], "files": files}


def _uploaded(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    given = arguments["input"]
    paths = [file_name(name) for name in given["files"]]

    def change(_: Any, replay: Any) -> list[bytes]:
        new = [path for path in paths if path not in replay.files]
        return [encode.files(new)] if new else []

    edit(context.ingest, _run(context, given), change)
    return {"success": True}


def _delete_files(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    for text in arguments["input"]["files"]:
        entity, project, run_id, path = read_id("File", text, 4)
        run = run_path(context, may_write(context, entity), project, run_id)
        if not context.ingest.forget_file(run, file_name(path)):
            raise NotFoundError(f"no file {path!r} of run {run}", "list the files anew")
    return {"success": True}


def _alert(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    given = arguments["input"]
    wait = given.get("waitDuration")
    milliseconds = int(wait) if isinstance(wait, int | float) and 0 <= wait < _MAX_WAIT else 0
    level = given.get("severity") or "INFO"
    record = encode.alert(given["title"], given["text"], level, milliseconds)
    edit(context.ingest, _run(context, given), lambda said, replay: [record])
    return {"success": True}


def _stop(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    context.ingest.request_stop(_of_id(context, arguments["input"]))
    return {"success": True}


def _stopped(source: Any, context: Context, arguments: _Arguments) -> bool:
    """Clients before 0.24 ask this; later ones are told in the stream."""
    del arguments
    return context.ingest.stop_requested(source["entry"].path)


def _delete(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    given = arguments["input"]
    run = _of_id(context, given)
    if not context.ingest.remove_run(run, context.user.name):
        raise NotFoundError(f"no run {run}", "it is deleted already")
    return {"clientMutationId": given.get("clientMutationId")}


FIELDS: Fields = {
    "Run": {"stopped": _stopped, "shouldStop": _stopped},
    "Mutation": {
        "createRunFiles": _create_files,
        "markRunFilesUploaded": _uploaded,
        "deleteFiles": _delete_files,
        "notifyScriptableRunAlert": _alert,
        "stopRun": _stop,
        "deleteRun": _delete,
    },
}
