"""What every run's sync shares: the server, who asks, what was asked for.

Owns that bundle and the rule by which a run gets its address. Must not know how bytes travel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field

from holdfast.errors import RefusedError, UsageError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.records.decode import parse
from holdfast.rundir import RunDir
from holdfast.sync.report import Reporter
from holdfast.sync.transport import Transport
from holdfast.sync.wanted import EVERY_FILE, Wanted
from holdfast.wire import Edit, Viewer

__all__ = ["NO_EDIT", "Bodies", "Context", "Known", "Wishes", "address"]

NO_EDIT = Edit()
"""The run says what its journal says."""

_NO_PROJECT = "uncategorized"
_LEAST_BYTES = 64 << 10
_MAX_KNOWN = 10_000


@dataclass(frozen=True)
class Wishes:
    """What the caller wants otherwise than the journal says.

    Args:
        entity, project, run_id: used instead of the journal's; empty for the journal's.
        verify: ask for a receipt and compare it.
        mark: leave receipt and marker in the run folder.
        files: which files are sent.
        edit: what each run that is sent shall say of itself; its journal stays as it is.
        again: runs that somebody deleted on the server shall come again.
    """

    entity: str = ""
    project: str = ""
    run_id: str = ""
    verify: bool = True
    mark: bool = True
    files: Wanted = EVERY_FILE
    edit: Edit = NO_EDIT
    again: bool = False


class Bodies:
    """How long a body may be: what the server says, and less once a proxy has refused one.

    Attributes:
        limit: bytes.
    """

    def __init__(self) -> None:
        self.limit = 1 << 40

    def shrink(self, refused: int) -> bool:
        """From now on half of what was refused; False when that was as little as can be."""
        if refused <= _LEAST_BYTES:
            return False
        self.limit = min(self.limit, max(_LEAST_BYTES, refused // 2))
        return True


class Known:
    """Digests of files that the server has lately said that it holds; a hint, in bounded memory.

    May be used from several threads.
    """

    def __init__(self) -> None:
        self._digests: set[tuple[str, str]] = set()

    def holds(self, entity: str, digest: str) -> bool:
        """Whether it said so; it may have been set back since."""
        return (entity, digest) in self._digests

    def hear(self, entity: str, named: Iterable[str], missing: Set[str]) -> None:
        """Take which of the digests that were ``named`` the server lacks: it holds the others."""
        self._digests.difference_update([(entity, digest) for digest in missing])
        if len(self._digests) > _MAX_KNOWN:
            self._digests = set()
        self._digests.update([(entity, digest) for digest in named if digest not in missing])


@dataclass(frozen=True)
class Context:
    """Shared by all runs of one call of sync.

    Args:
        transport: the server.
        base_url: its address.
        viewer: who asks, and the server's limits.
        report: hears what happens.
        wishes: what the caller wants.
        stop: set to end early; all waits are waits for it.
        clock: seconds that only grow.
        bodies: how long a request's body may be.
        known: what the server need not be sent.
    """

    transport: Transport
    base_url: str
    viewer: Viewer
    report: Reporter
    wishes: Wishes = field(default_factory=Wishes)
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    bodies: Bodies = field(default_factory=Bodies)
    known: Known = field(default_factory=Known)

    def send_less(self, error: RefusedError, size: int) -> bool:
        """Whether to send again in smaller bodies what was refused as ``size`` bytes."""
        first = self.bodies.limit > size
        if error.status != 413 or not self.bodies.shrink(size):
            return False
        if first:
            self.report.say(f"{error.what}: sending less at a time")
        return True


def address(
    run_record: bytes | None, run_dir: RunDir, wishes: Wishes, default_entity: str
) -> RunPath:
    """Where a run goes: what was wished, else what its journal says, else the defaults.

    Args:
        run_record: payload of the first ``run`` record, if there is one.
        run_dir: its folder, for the id when there is none.
        wishes: entity, project and id that the caller gave.
        default_entity: where runs go that name none.

    Raises:
        UsageError: a name in it is not legal.
        DamagedError: the record is none.
    """
    entity = project = run_id = ""
    if run_record is not None:
        said = parse(run_record).run
        entity, project, run_id = said.entity, said.project, said.run_id
    try:
        return RunPath(
            check_entity(wishes.entity or entity or default_entity),
            check_project(wishes.project or project or _NO_PROJECT),
            check_run_id(wishes.run_id or run_id or run_dir.run_id),
        )
    except UsageError as error:
        raise UsageError(error.what, "give another with --entity, --project or --id") from error
