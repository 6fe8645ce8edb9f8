"""Runs as wandb clients begin, resume and change them.

Owns what ``upsertBucket`` means. Must not know how lines arrive, or how an answer's fields are
found.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath, check_run_id
from holdfast.records import encode
from holdfast.records.encode import HistoryEncoder, RunInfo
from holdfast.records.replay import Replay
from holdfast.records.values import loads
from holdfast.server.gateway.configs import BranchPoint, SaidConfig, json_object, read_config
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.differences import changed_summary
from holdfast.server.gateway.names import may_write, run_of_id, run_path
from holdfast.server.gateway.projects import project_source
from holdfast.server.gateway.runs import deleted_source, run_source
from holdfast.server.ingest import Held, RunDeleted, Say
from holdfast.server.ingest.edits import edited
from holdfast.server.ingest.sessions import EDITS, SESSION, beginning
from holdfast.server.metastore.runs import RunSaid
from holdfast.server.query import RowsRequest

__all__ = ["FIELDS", "answered"]

_PROJECT = "uncategorized"
"""Where a run goes whose client names no project."""


@dataclass(frozen=True)
class _Said:
    """What the input of an upsert says; None for what it does not say."""

    texts: Mapping[str, Any]
    tags: tuple[str, ...] | None
    config: SaidConfig | None
    summary: dict[str, Any] | None
    info: RunInfo
    program: str

    @property
    def only_values(self) -> bool:
        """Whether it says nothing that a client says as it begins: only config or summary."""
        begins = self.texts or self.tags is not None or self.program or self.info != RunInfo("")
        return not begins and (self.config is not None or self.summary is not None)


def _upsert(source: Any, context: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
    del source
    given = arguments["input"]
    run = _path(context, given)
    may_write(context, run.entity)
    said = _read(given)
    inserted = False

    def say(held: Held) -> list[bytes]:
        nonlocal inserted
        inserted = held.run is None
        if held.run is None:
            return _first_records(run, said, context, held)
        return edited(run, held, lambda row, replay: _changes(run, said, row, replay))

    try:
        context.ingest.append(run, say, role=EDITS)
    except RunDeleted as error:
        if given.get("id"):  # it was read before, to be changed
            raise NotFoundError(error.what, error.do) from error
        if not said.only_values:
            raise
        return _unkept(context, run)
    _fork(context, run, said)
    # A client that is told of lines would begin after them and send rows again under new numbers.
    bucket = {**answered(context, run), "historyLineCount": None}
    return {"bucket": bucket, "inserted": inserted, "serverSettings": {"serverMessages": []}}


def _unkept(context: Context, run: RunPath) -> dict[str, Any]:
    """The answer to a client that began before its run was deleted: nothing of this is kept.

    Before 0.17 a refusal here ends the client's own process, and at its end the training script.
    That the run is gone it hears from the stream.
    """
    project = project_source(run.entity, run.project, context)
    settings: dict[str, Any] = {"serverMessages": []}
    return {
        "bucket": deleted_source(run, project),
        "inserted": False,
        "serverSettings": settings,
    }


def answered(context: Context, run: RunPath) -> dict[str, Any]:
    """A run as an object of the schema."""
    project = project_source(run.entity, run.project, context)
    return run_source(context.queries.entry(run), context, project)


def _path(context: Context, given: Mapping[str, Any]) -> RunPath:
    if given.get("id"):
        return run_of_id(given["id"])
    name = given.get("name") or secrets.token_hex(4)
    return run_path(context, given.get("entityName"), given.get("modelName") or _PROJECT, name)


def _read(given: Mapping[str, Any]) -> _Said:
    names = {"name": "displayName", "notes": "notes", "group": "groupName", "job_type": "jobType"}
    texts = {name: given[field] for name, field in names.items() if given.get(field) is not None}
    tags, config, summary = given.get("tags"), given.get("config"), given.get("summaryMetrics")
    return _Said(
        texts=texts,
        tags=None if tags is None else tuple(dict.fromkeys(tags)),
        config=read_config(config) if config else None,
        summary=json_object("summaryMetrics", summary) if summary else None,
        info=RunInfo(
            "",
            host=given.get("host") or "",
            git_remote=given.get("jobRepo") or "",
            git_commit=given.get("commit") or "",
            sweep_id=given.get("sweep") or "",
        ),
        program=given.get("jobProgram") or "",
    )


def _first_records(run: RunPath, said: _Said, context: Context, held: Held) -> list[bytes]:
    """The first words of a run."""
    info = said.info._replace(start_time=time.time(), tags=said.tags or (), **said.texts)
    records = beginning(run, info, SESSION, held)
    if said.program or info.host:
        records.append(encode.environment({"program": said.program, "host": info.host}))
    if said.config is not None:
        point = said.config.branch_point
        if point is not None:
            records.append(encode.config(_config_of(context, _parent(run, point))))
        records += said.config.records({}, Replay())
    if said.summary is not None:
        records += changed_summary(said.summary, {}, Replay())
    return records


def _changes(run: RunPath, said: _Said, held: RunSaid, replay: Replay) -> list[bytes]:
    """What an upsert says beyond what is known of a run."""
    before: dict[str, Any] = {name: getattr(held, name) for name in said.texts}
    changed: dict[str, Any] = {k: v for k, v in said.texts.items() if v != before[k]}
    if said.tags is not None and said.tags != tuple(loads(held.tags)):
        changed["tags"] = said.tags
    metadata = loads(held.metadata)
    git = metadata.get("git") or {}
    pairs = (("git_remote", git.get("remote", "")), ("git_commit", git.get("commit", "")))
    for name, known in pairs:
        told = getattr(said.info, name)
        if told and told != known:
            changed[name] = told
    records = []
    if changed:
        cleared = [name for name, value in changed.items() if not value]
        info = RunInfo(run.run_id)._replace(**changed)
        records.append(encode.run(info, cleared=cleared))
    if said.program and said.program != metadata.get("program"):
        records.append(encode.environment({"program": said.program}))
    if said.config is not None:
        records += said.config.records(loads(held.config), replay)
    if said.summary is not None:
        records += changed_summary(said.summary, loads(held.summary), replay)
    return records


def _parent(run: RunPath, point: BranchPoint) -> RunPath:
    return run._replace(run_id=check_run_id(point.run_id))


def _config_of(context: Context, run: RunPath) -> dict[str, Any]:
    config: dict[str, Any] = context.queries.entry(run).config
    return config


def _fork(context: Context, run: RunPath, said: _Said) -> None:
    """Take over the rows of the run that this one was forked off, as far as they are not there.

    Clients name the point in each upsert: one that got no answer, because the server died in the
    middle, asks again, and what is missing is taken over then.
    """
    point = None if said.config is None else said.config.branch_point
    if point is None:
        return
    last = context.queries.entry(run).row["last_step"]
    if last is not None and last >= point.step:
        return
    missing = RowsRequest(min_step=None if last is None else last + 1, max_step=point.step)
    try:
        batches = context.queries.rows(_parent(run, point), missing)
    except NotFoundError:  # deleted since: what was taken over is all that there is
        return
    row = HistoryEncoder().encode
    for batch in batches:
        records = [row(values, values["_step"]) for values in batch]
        context.ingest.append(run, _only(records))


def _only(records: list[bytes]) -> Say:
    return lambda held: records


FIELDS: Fields = {"Mutation": {"upsertBucket": _upsert}}
