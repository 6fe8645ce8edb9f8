"""A world that a seed decides: one honest server, a bad network, changing disks, time that is told.

A schedule is a few rounds in which everything may go wrong, then one calm `holdfast sync`. Then
the server must hold what can be read on the disks, once, and nobody may have said otherwise.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

from crash.simulated_disk import Disk, readable
from crash.turns import Turns
from sync.making import Listener
from sync.memory_server import MemoryServer, refused

from holdfast.errors import (
    AuthError,
    DamagedError,
    HoldfastError,
    RefusedError,
    StorageError,
    UnconfirmedError,
    UnreachableError,
)
from holdfast.ids import RunPath
from holdfast.journal import Frame, scan
from holdfast.records.decode import kind
from holdfast.rundir import RunDir
from holdfast.sync.context import Context, Wishes
from holdfast.sync.followed import Followed
from holdfast.sync.many import find, recall
from holdfast.sync.one import sync_run
from holdfast.sync.outage import is_of_server
from holdfast.sync.report import Outcome
from holdfast.sync.retry import Patience, RetryingTransport
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    Receipt,
    Viewer,
    digest_of,
)

__all__ = ["World"]

T = TypeVar("T")

SERVER = "http://memory"
_CHUNK_BYTES = 2500
_PART_BYTES = 130_000
_MOST_CALLS = 5000
_LONGEST_SYNC = 3600.0
_LONGEST_WAIT = 600.0
_JUMP = 100_000.0

_STATUSES = (
    *((code, status) for status in (400, 403, 404, 409, 413, 500, 502, 503, 504) for code in ("",)),
    ("rate_limited", 429),
    ("unavailable", 503),
    ("internal", 500),
    ("storage_full", 507),
    ("digest_mismatch", 422),
    ("too_large", 413),
)
_KINDS = (
    *("lost", "lost_after", "twice", "late", "status", "away"),
    *("revoked", "restored", "killed", "disk", "disk", "clock"),
)
_HONEST = (
    AuthError,
    DamagedError,
    RefusedError,
    StorageError,
    UnconfirmedError,
    UnreachableError,
)


class Killed(BaseException):
    """The syncer is killed: nothing of it runs any more."""


class World:
    """Everything that one schedule touches.

    Args:
        seed: decides everything.
        folder: an empty folder for the runs.

    Attributes:
        log: what happened, in order.
    """

    def __init__(self, seed: str, folder: Path) -> None:
        self.rng = rng = random.Random(seed)
        self.log: list[str] = []
        self.folder = folder
        self.server = MemoryServer(chunk_bytes=_CHUNK_BYTES, part_bytes=_PART_BYTES)
        self.disks = [Disk(rng, folder, number).make() for number in range(rng.randint(1, 3))]
        self.turns = Turns(rng)
        self.now = 0.0
        self.calls = 0
        self._kinds: Sequence[str] = rng.sample(_KINDS, rng.randint(1, 6))
        self._rate = rng.choice((0.03, 0.1, 0.3))
        self._longest_body = rng.choice((_PART_BYTES, _PART_BYTES, 70_000))  # in the calm too
        self._away_until = 0.0
        self._revoked = False
        self._late: list[Callable[[], object]] = []
        self._older = [self._state()]

    def play(self) -> None:
        """The whole schedule."""
        for _ in range(self.rng.randint(1, 3)):
            self._round()
        self._calm_down()
        outcomes = self._sync(_Line(self, 0), follow=False)
        self._check(outcomes)

    # Syncers

    def _round(self) -> None:
        self.log.append("round")
        count = self.rng.choice((1, 1, 2))
        self.turns.run([lambda me=me: self._syncer(me) for me in range(count)])  # type: ignore[misc]
        self._revoked = False

    def _syncer(self, me: int) -> None:
        follow = self.rng.random() < 0.2
        try:
            self._sync(_Line(self, me), follow=follow)
        except Killed:
            self.log.append(f"{me} killed")
        except HoldfastError as error:  # at the first word with the server, as the command says it
            self._judge_error(error)

    def _sync(self, line: _Line, *, follow: bool) -> list[Outcome]:
        """What `holdfast sync` does, and with ``follow`` what it does with --follow."""
        calls = self.calls
        stop = _Waits(self, line)
        patient = RetryingTransport(
            line, Patience(), say=self.log.append, stop=stop, clock=self.clock
        )
        viewer = patient.viewer()
        transport = line if follow else patient
        context = Context(transport, SERVER, viewer, Listener(), stop=stop, clock=self.clock)
        found = find([self.folder], SERVER, Wishes())
        if not follow:
            recall(context.transport, context.base_url, found)
        one = self._follow if follow else sync_run
        outcomes = []
        for run_dir in found.pending:
            self.log.append(f"{line.me} begins {run_dir.run_id}")
            disk = next(disk for disk in self.disks if disk.run_id == run_dir.run_id)
            changes = disk.changes
            outcome = one(context, run_dir)
            self.log.append(f"{line.me} ends {run_dir.run_id}: {outcome.state} {outcome.error}")
            self._judge(outcome, disk, unchanged=disk.changes == changes)
            outcomes.append(outcome)
        assert self.calls - calls < _MOST_CALLS, "it asks without end"
        assert follow or stop.waited < _LONGEST_SYNC, "it waits without end"
        return outcomes

    def _follow(self, context: Context, run_dir: RunDir) -> Outcome:
        """What `holdfast.sync.watch` does with a run, in one thread, until somebody stops it."""
        run = Followed(run_dir, self.now)
        for _ in range(self.rng.randint(10, 300)):
            try:
                run.seen(run.look(self.now), self.now)
            except FileNotFoundError:
                gone = StorageError(f"{run_dir.journal} is gone", "it may have been moved")
                return run.failed("files", gone, self.now, shared=True)
            for turn in run.due(self.now, files=True):
                try:
                    result = run.begin(turn, context, lambda: True)()
                except Exception as error:  # noqa: BLE001 - the run says what becomes of it
                    shared = is_of_server(error)
                    outcome = run.failed(turn, error, self.now, shared=shared)
                    if not shared and run.has_ended(self.now):
                        return outcome
                else:
                    done = run.ended(turn, result, self.now)
                    if done is not None:
                        return done
            context.stop.wait(1.0)
        raise Killed

    def clock(self) -> float:
        return self.now

    # The server and the way to it

    def request(self, line: _Line, method: str, act: Callable[[], T], size: int = 0) -> T:
        """One request, on a network that may do anything with it."""
        self.turns.pause(line.me)
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise AssertionError("it asks without end")
        self.now += self.rng.random() * 0.1
        fault = self._fault()
        self.log.append(f"{line.me} {method} {fault}")
        if self.now < self._away_until or fault == "lost":
            raise UnreachableError("away", "try again")
        if self._revoked:
            raise AuthError("this server does not know the API key", "log in")
        if fault == "killed":
            raise Killed
        if size > self._longest_body:
            raise refused("", 413)
        if fault == "late":
            self._late.append(act)
            raise UnreachableError("away", "try again")
        if fault == "status":
            raise self._refusal()
        first = _tried(act)
        if fault == "lost_after":
            raise UnreachableError("away", "try again")
        answer = _tried(act) if fault == "twice" and self.rng.random() < 0.5 else first
        if isinstance(answer, HoldfastError):
            raise answer
        return answer

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise AssertionError("it waits without end")
        if self._fault() == "ended":
            for disk in self.disks:
                disk.end()

    def _fault(self) -> str:
        """What happens at this moment: to the world at once, to this request as returned."""
        if self._late and self.rng.random() < 0.2:
            self.log.append("a late request arrives")
            _tried(self._late.pop(self.rng.randrange(len(self._late))))
        if self.rng.random() < 0.2:
            self._older.append(self._state())
        if self.rng.random() >= self._rate:
            return "ended" if self.rng.random() < 0.01 else ""
        fault = self.rng.choice(self._kinds)
        if fault == "disk":
            self.log.append(self.rng.choice(self.disks).change())
            return ""
        if fault == "clock":
            self.now += self.rng.random() * _JUMP
        elif fault == "away":
            self._away_until = self.now + self.rng.random() * 400
        elif fault == "revoked":
            self._revoked = True
        elif fault == "restored":
            self._restore()
        return fault

    def _refusal(self) -> HoldfastError:
        code, status = self.rng.choice(_STATUSES)
        if status in {401, 403}:
            return AuthError("no", "log in")
        detail = {}
        if status in {429, 503} and self.rng.random() < 0.5:
            asked = ("2", "200", "999999999", "Fri, 01 Jan 2100 00:00:00 GMT", "soon")
            detail["retry_after"] = self.rng.choice(asked)
        return refused(code, status, **detail)

    def _state(self) -> dict[str, Any]:
        server = self.server
        names = ("journals", "writers", "files", "claimed_at", "blobs", "uploads")
        return {name: deepcopy(getattr(server, name)) for name in names}

    def _restore(self) -> None:
        for name, value in deepcopy(self.rng.choice(self._older)).items():
            setattr(self.server, name, value)

    # The end

    def _calm_down(self) -> None:
        self.log.append("calm")
        while self._late:
            _tried(self._late.pop(self.rng.randrange(len(self._late))))
        self._rate = 0.0
        self._away_until = 0.0
        for disk in self.disks:
            disk.end()
            if self.rng.random() < 0.7:
                disk.complete()

    def _judge(self, outcome: Outcome, disk: Disk, *, unchanged: bool) -> None:
        """Whatever is said at any time is true and has a way on."""
        assert not outcome.trace, outcome.trace
        if outcome.error is not None:
            self._judge_error(outcome.error)
        if (receipt := outcome.receipt) is None:
            return
        assert receipt.digest == digest_of(disk.truth[: receipt.position])
        contents = {digest_of(data) for data in disk.said}
        assert contents.issuperset(entry.digest for entry in receipt.files)
        if outcome.ok and unchanged:
            assert receipt.position == readable(disk.run_dir.journal.read_bytes())
            named = {entry.path: entry.digest for entry in receipt.files}
            for path, data in disk.files().items():
                assert named.get(path) == digest_of(data), f"{path} was not there"

    def _judge_error(self, error: HoldfastError) -> None:
        assert isinstance(error, _HONEST), repr(error)
        assert error.what, repr(error)
        assert error.do, repr(error)

    def _check(self, outcomes: Sequence[Outcome]) -> None:
        by_id = {outcome.run_dir.run_id: outcome for outcome in outcomes}
        left = find([self.folder], SERVER, Wishes())
        pending = {run_dir.run_id for run_dir in left.pending}
        for disk in self.disks:
            outcome = by_id.get(disk.run_id)
            try:
                self._check_run(disk, outcome, pending=disk.run_id in pending)
            except AssertionError as error:
                raise AssertionError(f"{disk.run_id}: {outcome}: {error}") from error

    def _check_run(self, disk: Disk, outcome: Outcome | None, *, pending: bool) -> None:
        run_dir = disk.run_dir
        data = run_dir.journal.read_bytes()
        end = readable(data)
        held = {j: d for j, d in self.server.journals.items() if j.run.run_id == disk.run_id}
        assert sum(_rows(there) > 0 for there in held.values()) <= 1, "its rows are there twice"
        assert all(disk.truth.startswith(there) for there in held.values())
        there = max(held.values(), key=len, default=b"")
        if outcome is not None and outcome.state == "failed":
            if end == 0:
                assert isinstance(outcome.error, DamagedError)
            else:
                assert isinstance(outcome.error, UnconfirmedError)
                assert "older copy" in str(outcome.error)
                assert len(there) > end, "the server holds no more than the disk"
            return
        if outcome is not None and outcome.state == "empty":
            assert end == 0
            return
        assert not pending, "what is done is pending again"
        # Who confirmed an older copy may be overtaken by who still sends the newer file.
        same = [
            journal
            for journal, bytes_ in held.items()
            if bytes_ == data[:end] or (outcome is None and bytes_.startswith(data[:end]))
        ]
        assert same, f"{len(there)} bytes of {end}"
        same.sort(key=lambda journal: held[journal] != data[:end])  # the one that was confirmed
        named = self.server.files.get(same[0], {})
        for path, content in disk.files().items():
            assert path in named, f"{path} is not there"
            assert named[path].digest == digest_of(content), f"{path} is another"
            assert self.server.blobs[same[0].run.entity, named[path].digest] == content


def _rows(data: bytes) -> int:
    return sum(kind(item.payload) == "history" for item in scan(data) if isinstance(item, Frame))


def _tried(act: Callable[[], T]) -> T | HoldfastError:
    try:
        return act()
    except HoldfastError as error:
        return error


class _Waits(threading.Event):
    """What a syncer waits on: time passes, and things happen meanwhile."""

    def __init__(self, world: World, line: _Line) -> None:
        super().__init__()
        self._world = world
        self._line = line
        self.waited = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None, "it waits without end"
        assert timeout <= _LONGEST_WAIT, "it sleeps too long"
        self._world.turns.pause(self._line.me)
        self.waited += timeout
        self._world.pass_time(timeout)
        return self.is_set()


class _Line:
    """One syncer's way to the server: `holdfast.sync.transport.Transport`."""

    def __init__(self, world: World, me: int) -> None:
        self.me = me
        self._world = world

    def _ask(self, method: str, act: Callable[[], T], size: int = 0) -> T:
        return self._world.request(self, method, act, size)

    @property
    def _server(self) -> MemoryServer:
        return self._world.server

    def viewer(self) -> Viewer:
        return self._ask("viewer", lambda: self._server.viewer())

    def position(self, journal: JournalPath) -> int:
        return self._ask("position", lambda: self._server.position(journal))

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        return self._ask(
            f"chunk {journal.run.run_id} {start}+{len(data)}",
            lambda: self._server.send_chunk(journal, start, data, writer),
        )

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        return self._ask(
            f"files {journal.run.run_id}",
            lambda: self._server.name_files(journal, files, blobs),
            sum(len(data) for _, data in blobs),
        )

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        return self._ask("state", lambda: self._server.upload_state(entity, digest))

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        return self._ask(
            f"part {offset}",
            lambda: self._server.send_part(entity, digest, offset, size, data),
            len(data),
        )

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        return self._ask(
            f"receipt {journal.run.run_id}", lambda: self._server.receipt(journal, claim)
        )

    def edit(self, run: RunPath, change: Edit) -> None:
        self._ask(f"edit {run.run_id}", lambda: self._server.edit(run, change))

    def readmit(self, run: RunPath) -> None:
        self._ask(f"readmit {run.run_id}", lambda: self._server.readmit(run))

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        return self._ask("lapsed", lambda: self._server.lapsed(receipts))
