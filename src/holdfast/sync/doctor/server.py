"""What the server says of the runs that were found: does it take them, does it hold them still.

What a disk cannot tell: an entity that the key may not write into, a run that somebody deleted,
a server that was set back. Asks, sends nothing. Must not know how the way to it was found.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.errors import AuthError, DamagedError, HoldfastError, UsageError
from holdfast.rundir import RunDir
from holdfast.sync.context import Wishes, address
from holdfast.sync.doctor.finding import Finding, of_error
from holdfast.sync.doctor.folders import Pending, Unsent, of_deletion
from holdfast.sync.many import Found, recall
from holdfast.sync.outage import is_of_server
from holdfast.sync.receipts import Kept, is_deletion
from holdfast.sync.report import some
from holdfast.sync.transport import Transport
from holdfast.wire import JournalPath, Viewer

__all__ = ["Asked", "look_at_runs"]

_SUBJECT = "server"
_MOST = 200
_NAMED = 3


@dataclass(frozen=True)
class Asked:
    """The server that is asked: the way to it, what it said of the key, its address.

    Args:
        timeout: seconds after which no further run is asked about; one answer may take as long.
    """

    transport: Transport
    viewer: Viewer
    address: str
    timeout: float


class _Run(NamedTuple):
    """A run, the name by which the server is asked about it, and how far the disk has it."""

    run_dir: RunDir
    of: JournalPath
    position: int


def look_at_runs(server: Asked, pending: Pending) -> Iterator[Finding]:
    """What stands against runs at the server; asks no further once an answer fails to come.

    Args:
        server: it.
        pending: the runs that were found.
    """
    if server.viewer.relay_for:
        try:
            server.transport.lapsed([])  # the first thing that a relay cannot answer for itself
        except HoldfastError as error:
            what = "the relay has no answer from its server"
            cure = f"see whether {server.viewer.relay_for} is up; the relay keeps what it is sent"
            yield Finding(_SUBJECT, "error", what, error.what, cure)
            return
    found = Found(synced=pending.synced)
    recall(server.transport, server.address, found)
    runs = [run for run_dir in found.pending for run in _confirmed(run_dir, server.address)]
    deleted: set[RunDir] = set()
    if found.missing:
        what = "the server does not say whether it still holds what it confirmed"
        yield of_error(_SUBJECT, what, found.missing[0])
    else:
        for unsent in pending.unsent:
            try:
                runs.append(_unsent(unsent, server.viewer))
            except (UsageError, DamagedError) as error:
                what = "the name of the run is none that a server takes"
                yield of_error(_SUBJECT, what, error, path=unsent.run_dir.path)
        deleted = yield from _ask(server, runs)
    for run_dir in found.pending:
        if run_dir not in deleted:
            what = "the server does not hold any more what it confirmed"
            evidence = "it was emptied, or set back to an older backup"
            cure = f"holdfast sync {run_dir.path}"
            yield Finding(_SUBJECT, "warning", what, evidence, cure, run_dir.path)


def _confirmed(run_dir: RunDir, server: str) -> Iterator[_Run]:
    kept = Kept.read(run_dir, server)
    if kept is not None:
        receipt = kept.receipt
        yield _Run(run_dir, JournalPath(receipt.run.path, receipt.journal), receipt.position)


def _unsent(unsent: Unsent, viewer: Viewer) -> _Run:
    of = address(unsent.record, unsent.run_dir, Wishes(), viewer.entity)
    return _Run(unsent.run_dir, JournalPath(of, unsent.journal), unsent.position)


def _older(run_dir: RunDir, here: int, held: int) -> Iterator[Finding]:
    """What there is to say of a journal that only grows, if the server holds more of it.

    Not of one that grew since it was read, while another process sends it.
    """
    try:
        size = run_dir.journal.stat().st_size
    except OSError:  # moved since it was looked at
        return
    if held > max(here, size):
        what = "this is an older copy of the folder: the server holds more of its journal"
        evidence = f"the server holds {held:,} bytes of the journal, the disk {here:,}"
        cure = "sync the newer copy; if there is none, the server has all rows of this one"
        yield Finding(_SUBJECT, "error", what, evidence, cure, run_dir.path)


def _ask(server: Asked, runs: Sequence[_Run]) -> Generator[Finding, None, set[RunDir]]:
    """Ask how far the server holds each, one of each entity first; returns which are deleted."""
    first = {run.of.run.entity: run for run in reversed(runs)}
    rest = [run for run in runs if first[run.of.run.entity] is not run]
    closed: dict[str, AuthError] = {}
    deleted: set[RunDir] = set()
    late = time.monotonic() + server.timeout
    asked = 0
    for run_dir, of, position in [*first.values(), *rest]:
        if of.run.entity in closed:
            continue
        if asked == _MOST or time.monotonic() > late:
            evidence = f"{asked} of {len(runs)} that it does not hold whole"
            yield Finding(_SUBJECT, "note", "the server was not asked about all runs", evidence)
            break
        asked += 1
        try:
            yield from _older(run_dir, position, server.transport.position(of))
        except AuthError as error:
            closed[of.run.entity] = error
        except HoldfastError as error:
            if is_of_server(error):
                yield of_error(_SUBJECT, "the server does not answer about the runs", error)
                break
            if is_deletion(error):
                deleted.add(run_dir)
                yield of_deletion(run_dir, error)
            else:
                yield of_error(_SUBJECT, "the server refuses the run", error, path=run_dir.path)
    for entity, no in closed.items():
        theirs = [str(run.run_dir.path) for run in runs if run.of.run.entity == entity]
        what = f"the key may not write into {entity!r}, where runs are to go"
        cure = f"holdfast sync --entity {server.viewer.entity}, or log in with a key of {entity!r}"
        yield Finding(_SUBJECT, "error", what, f"{no.what}: {some(theirs, _NAMED)}", cure)
    return deleted
