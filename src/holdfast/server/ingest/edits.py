"""How changes of a run that no session makes are kept: in the last journal, or one of their own.

Must not know who asks, or HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.records.replay import Replay
from holdfast.records.values import loads
from holdfast.server.ingest.append import Held
from holdfast.server.ingest.ingest import Ingest
from holdfast.server.ingest.sessions import EDITS, beginning
from holdfast.server.metastore.runs import RunSaid
from holdfast.wire import Edit

__all__ = ["Change", "edit", "edited", "journal_of_edits", "relabel"]

Change = Callable[[RunSaid, Replay], list[bytes]]
"""Says which records to add, from what the run says and what its last journal holds."""


def edit(ingest: Ingest, run: RunPath, change: Change) -> None:
    """Change a run that is there.

    Raises:
        NotFoundError: it is not.
    """
    ingest.append(run, lambda held: edited(run, held, change), role=EDITS)


def relabel(ingest: Ingest, run: RunPath, wanted: Edit) -> None:
    """Change job type and tags of a run that is there.

    Raises:
        NotFoundError: it is not.
    """

    def change(said: RunSaid, _: Replay) -> list[bytes]:
        tags = tuple(loads(said.tags))
        info = RunInfo(run.run_id)
        if wanted.job_type:
            info = info._replace(job_type=wanted.job_type)
        if wanted.renamed(tags) != tags:
            info = info._replace(tags=wanted.renamed(tags))
        same = info.job_type in {"", said.job_type} and not info.tags
        return [] if same else [encode.run(info)]

    edit(ingest, run, change)


def edited(run: RunPath, held: Held, change: Change) -> list[bytes]:
    """The records of a change; they begin a journal of edits when there is none to take them.

    Raises:
        NotFoundError: the run is not there.
    """
    if held.run is None:
        raise NotFoundError(f"no run {run}", "it was deleted, or never begun")
    records = change(held.run, held.replay or Replay())
    return [*_beginning(run, held), *records] if records and held.replay is None else records


def journal_of_edits(ingest: Ingest, run: RunPath) -> str:
    """The journal that takes what is added to a run now; begun when there is none.

    Raises:
        NotFoundError: no such run.
    """

    def say(held: Held) -> list[bytes]:
        if held.run is None:
            raise NotFoundError(f"no run {run}", "it was deleted, or never begun")
        return _beginning(run, held) if held.replay is None else []

    journal = ingest.current_journal(run)
    if journal is None:
        ingest.append(run, say, role=EDITS)
        journal = ingest.current_journal(run)
    if journal is None:
        raise NotFoundError(f"run {run} was deleted meanwhile", "begin it anew")
    return journal


def _beginning(run: RunPath, held: Held) -> list[bytes]:
    return beginning(run, RunInfo("", start_time=time.time()), EDITS, held)
