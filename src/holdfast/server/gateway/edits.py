"""How changes of a run that no session makes are kept: in the last journal, or one of their own.

Must not know what is changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.records.encode import RunInfo
from holdfast.records.replay import Replay
from holdfast.server.gateway.sessions import EDITS, beginning
from holdfast.server.ingest import Held, Ingest
from holdfast.server.metastore.runs import RunSaid

__all__ = ["Change", "edit", "edited", "journal_of_edits"]

Change = Callable[[RunSaid, Replay], list[bytes]]
"""Says which records to add, from what the run says and what its last journal holds."""


def edit(ingest: Ingest, run: RunPath, change: Change) -> None:
    """Change a run that is there.

    Raises:
        NotFoundError: it is not.
    """
    ingest.append(run, lambda held: edited(run, held, change), role=EDITS)


def edited(run: RunPath, held: Held, change: Change) -> list[bytes]:
    """The records of a change; they begin a journal of edits when there is none to take them.

    Raises:
        NotFoundError: the run is not there.
    """
    if held.run is None:
        raise NotFoundError(f"no run {run}", "it was deleted, or never begun")
    records = change(held.run, held.replay or Replay())
    return [*_beginning(run), *records] if records and held.replay is None else records


def journal_of_edits(ingest: Ingest, run: RunPath) -> str:
    """The journal that takes what is added to a run now; begun when there is none.

    Raises:
        NotFoundError: no such run.
    """

    def say(held: Held) -> list[bytes]:
        if held.run is None:
            raise NotFoundError(f"no run {run}", "it was deleted, or never begun")
        return _beginning(run) if held.replay is None else []

    journal = ingest.current_journal(run)
    if journal is None:
        ingest.append(run, say, role=EDITS)
        journal = ingest.current_journal(run)
    if journal is None:
        raise NotFoundError(f"run {run} was deleted meanwhile", "begin it anew")
    return journal


def _beginning(run: RunPath) -> list[bytes]:
    return beginning(run, RunInfo("", start_time=time.time()), EDITS)
