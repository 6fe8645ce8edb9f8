"""Following any number of runs at once: one loop that decides, a few threads that work.

Owns which run is looked at when, which turn is done next, and what is told of it. A look is a
`stat` or two; turns take three lanes, so that large files never hold up metrics. All decisions are
made in one thread, and nothing here grows with the number of runs but a small object for each.
Must not know how a turn is done (`followed`), how runs are found (`trees`) or how it is shown.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Protocol

from holdfast.errors import AuthError, HoldfastError, RefusedError, StorageError
from holdfast.rundir import RunDir, WriterState, writer_of
from holdfast.sync.context import Context, Wishes
from holdfast.sync.crew import Crew, Done, Lane
from holdfast.sync.followed import Followed, Sighting, Turn
from holdfast.sync.outage import Outage, is_of_server
from holdfast.sync.receipts import Kept, is_deletion, is_pending
from holdfast.sync.report import Outcome, Reporter
from holdfast.sync.retry import StoppedError
from holdfast.sync.rounds import Rounds, look_through
from holdfast.sync.transport import Transport
from holdfast.wire.failures import UntrustedError

__all__ = ["Listed", "Source", "Terms", "Watcher"]

_LANES: dict[Turn, str] = {
    "journal": "journal", "files": "files", "finish": "files", "large": "large",
}  # fmt: skip
_FILE_THREADS = 4
_LARGE_THREADS = 1
_EYES_A_PLACE = 4
_EYES = 20
_SCAN_SECONDS = 1.0
_TICK_SECONDS = 0.25
_LOOKS_A_JOB = 250
_STATE_SECONDS = 2.0
_LAST_TRIES = 3


class Source(Protocol):
    """Where runs come from.

    Attributes:
        lasting: further runs may appear, and runs are looked at again after their end.
        error: why it could not be looked through last time, or None.
    """

    lasting: bool
    error: HoldfastError | None

    def find(self) -> Iterable[RunDir]:
        """Runs that were not found before; called again and again, never twice at a time."""
        ...

    def forget(self, run_dir: RunDir) -> None:
        """A run is gone."""
        ...


class Listed:
    """Runs that are known, followed to their end."""

    lasting = False
    error: HoldfastError | None = None

    def __init__(self, runs: Iterable[RunDir]) -> None:
        self._runs = list(runs)

    def find(self) -> Iterator[RunDir]:
        """All of them, once."""
        found, self._runs = self._runs, []
        yield from found

    def forget(self, run_dir: RunDir) -> None:
        """It does not come back."""


@dataclass(frozen=True)
class Terms:
    """On which terms runs are followed.

    Args:
        transport: the server; it tries nothing twice.
        base_url: its address.
        report: hears waits.
        tell: gets the outcome of a run that is done with, and of one that begins to fail.
        wishes: what the caller wants of a run otherwise than its journal says.
        writer: how a run's writer is.
        files: whether files may be sent now.
        jobs: how many runs' metrics are sent at a time.
    """

    transport: Transport
    base_url: str
    report: Reporter
    tell: Callable[[Outcome], None]
    wishes: Callable[[RunDir], Wishes] = lambda _: Wishes()
    writer: Callable[[RunDir], WriterState] = writer_of
    files: Callable[[], bool] = lambda: True
    jobs: int = 8


class Watcher:
    """Follows runs until `stop`, or until all runs of sources that do not last have ended.

    Args:
        sources: where runs come from.
        terms: how they are followed.
        note: called every few seconds with this object, to note how it stands.

    Attributes:
        runs: all that is followed, by journal.
        outage: whether the server answers.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        terms: Terms,
        *,
        note: Callable[[Watcher], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.runs: dict[RunDir, Followed] = {}
        self._homes: dict[RunDir, _Place] = {}
        self.outage = Outage(terms.report.say, clock=clock)
        self._terms = terms
        self._note = note
        self._clock = clock
        self._stop = threading.Event()
        self._context: Context | None = None
        self._done: queue.SimpleQueue[Done | None] = queue.SimpleQueue()
        self._places = [_Place(source, clock()) for source in sources]
        self._eyes = Crew("look", min(_EYES, (_EYES_A_PLACE + 1) * len(sources)), self._done)
        self._probe = Crew("probe", 1, self._done)
        self._rounds = Rounds(clock())
        self._inspector = Crew("rounds", 1, self._done)
        self._lanes: dict[str, Lane[tuple[Followed, Turn]]] = {
            "journal": Lane(Crew("journal", terms.jobs, self._done)),
            "files": Lane(Crew("files", _FILE_THREADS, self._done)),
            "large": Lane(Crew("large", _LARGE_THREADS, self._done)),
        }
        self._noted_at = clock() - _STATE_SECONDS
        self._lasting = any(source.lasting for source in sources)

    @property
    def context(self) -> Context | None:
        """The server as it introduced itself; None before its first answer."""
        return self._context

    def stop(self) -> None:
        """End soon; may be called from a signal handler or another thread."""
        self._stop.set()
        self._done.put(None)

    def run(self) -> None:
        """Follow.

        Raises:
            HoldfastError: the server's first answer was a no: a wrong key, no Holdfast server.
            StoppedError: it was stopped while runs that were given had not ended.
        """
        while not self._stop.is_set() and not self._is_over():
            now = self._clock()
            self._look_out(now)
            self._ask_server()
            self._go_round(now)
            self._hand_out()
            self._hear(_TICK_SECONDS)
            if now - self._noted_at >= _STATE_SECONDS:
                self._noted_at = now
                self._note(self)
        self._note(self)
        if not self._lasting and not self._is_over():
            raise StoppedError("stopped following", "run the command again to go on")

    def _is_over(self) -> bool:
        return not self.runs and all(place.is_over for place in self._places)

    # Looking for runs, and at them.

    def _look_out(self, now: float) -> None:
        for place in self._places:
            if now >= place.scan_at and not place.scanning and self._eyes.free:
                place.scanning = True
                self._eyes.give(place, self._finder(place), self._found)
            while place.looking < _EYES_A_PLACE and self._eyes.free:
                due = place.take_due(now)
                if not due:
                    break
                place.looking += 1
                self._eyes.give(place, partial(_look, due, self._clock), self._saw)

    def _finder(self, place: _Place) -> Callable[[], object]:
        terms = self._terms

        def find() -> list[tuple[RunDir, bool, int]]:
            found = []
            for run_dir in place.source.find():
                resting = place.source.lasting and not is_pending(
                    run_dir, terms.base_url, terms.wishes(run_dir)
                )
                kept = Kept.read(run_dir, terms.base_url)
                found.append((run_dir, resting, kept.receipt.position if kept else 0))
            return found

        return find

    def _found(self, done: Done) -> None:
        place: _Place = done.who
        self._eyes.took()
        now = self._clock()
        place.scanning, place.scan_at, place.scanned = False, now + _SCAN_SECONDS, True
        if done.error is not None:
            raise done.error
        said, place.said = place.said, place.source.error
        if place.said is not None and str(place.said) != str(said):
            self._terms.report.say(str(place.said))
        for run_dir, resting, position in done.result:
            known = self.runs.get(run_dir)
            if known is None or known.resting:  # it went, and came again
                run = Followed(
                    run_dir, now, position=position, resting=resting, writer=self._terms.writer
                )
                self.runs[run_dir], self._homes[run_dir] = run, place
                place.add(run)
                if resting:
                    self._rounds.add(run, now, soon=True)

    def _saw(self, done: Done) -> None:
        place: _Place = done.who
        self._eyes.took()
        place.looking -= 1
        if done.error is not None:
            raise done.error
        now = self._clock()
        looked: list[_Looked] = done.result
        for run, found in looked:
            if self.runs.get(run.run_dir) is not run:
                continue  # another has its place
            if isinstance(found, Sighting):
                run.seen(found, now)
                self._queue(run, now)
            elif isinstance(found, FileNotFoundError) and not run.busy:
                self._lost(place, run)
                continue
            else:
                run.unseen(now)
            place.add(run)

    def _lost(self, place: _Place, run: Followed) -> None:
        self.runs.pop(run.run_dir, None)
        self._homes.pop(run.run_dir, None)
        place.source.forget(run.run_dir)
        if not run.resting:
            error = StorageError(f"{run.run_dir.journal} is gone", "it may have been moved")
            self._terms.tell(run.failed("files", error, self._clock(), shared=True))

    # The server.

    def _ask_server(self) -> None:
        if self.outage.probe_due() and self._probe.free:
            self._probe.give(None, self._terms.transport.viewer, self._answered)

    def _answered(self, done: Done) -> None:
        self._probe.took()
        terms, viewer = self._terms, done.result
        if done.error is None:
            if self._context is None and self.outage.error is None:
                terms.report.say(f"{terms.base_url} answers: runs are sent now")
            self._context = Context(
                terms.transport, terms.base_url, viewer, terms.report, stop=self._stop
            )
            self.outage.passed()
        elif isinstance(done.error, HoldfastError) and (
            self._context is not None or _is_waited_for(done.error)
        ):
            self.outage.failed(done.error)
        else:
            raise done.error

    def _go_round(self, now: float) -> None:
        """Look confirmed runs through again, a few at a time, while nobody waits for the server."""
        context = self._context
        if context is None or not self.outage.open or not self._inspector.free:
            return
        runs = [run for run in self._rounds.take(now) if self.runs.get(run.run_dir) is run]
        if runs:
            wishes = {run.run_dir: self._terms.wishes(run.run_dir) for run in runs}
            self._inspector.give(runs, partial(look_through, context, wishes), self._went_round)

    def _went_round(self, done: Done) -> None:
        self._inspector.took()
        now = self._clock()
        if done.error is not None and not isinstance(done.error, HoldfastError):
            raise done.error
        if done.error is not None and is_of_server(done.error):
            self.outage.failed(done.error)
        # Any other no (of a relay that cannot ask, say) is of no harm: they are asked about again.
        changed: set[RunDir] = done.result or set()
        for run in done.who:
            # One that was deleted is asked about: somebody may have wanted it again.
            if run.resting and (run.run_dir in changed or run.deleted is not None):
                run.wake(now)
                self._homes[run.run_dir].add(run)
            elif run.resting:
                self._rounds.add(run, now)

    # Turns.

    def _queue(self, run: Followed, now: float) -> None:
        for turn in run.due(now, files=self._terms.files()):
            urgent = run.is_urgent(turn, now)
            if turn not in run.queued or (urgent and not run.queued[turn]):
                run.queued[turn] = urgent
                self._lanes[_LANES[turn]].add((run, turn), urgent=urgent)

    def _hand_out(self) -> None:
        context = self._context
        if context is None or not self.outage.open:
            return
        for lane in self._lanes.values():
            while lane.crew.free and (taken := lane.take()):
                run, turn = taken
                run.queued.pop(turn, None)
                if turn in run.due(self._clock(), files=self._terms.files()):
                    its = replace(context, wishes=self._terms.wishes(run.run_dir))
                    work = run.begin(turn, its, self._terms.files)
                    lane.crew.give((run, turn), work, self._ended)

    def _ended(self, done: Done) -> None:
        run: Followed = done.who[0]
        turn: Turn = done.who[1]
        self._lanes[_LANES[turn]].crew.took()
        now = self._clock()
        if done.error is None:
            outcome = run.ended(turn, done.result, now)
            if outcome is not None:
                self._finished(run, outcome)
        elif is_deletion(done.error):
            outcome = run.removed(turn, done.error, now)
            if outcome is not None:
                self._finished(run, outcome)
        elif not isinstance(done.error, StoppedError):
            self._failed(run, turn, done.error)
        if run.run_dir in self.runs:
            self._queue(run, now)
            if run.resting:
                self._rounds.add(run, now)

    def _failed(self, run: Followed, turn: Turn, error: BaseException) -> None:
        before, now = run.troubles.get(turn), self._clock()
        shared = is_of_server(error)
        outcome = run.failed(turn, error, now, shared=shared)
        trouble = run.troubles[turn]
        if shared:
            self.outage.failed(trouble.error)
        elif trouble.failures >= _LAST_TRIES and run.has_ended(now) and not self._lasting:
            self._finished(run, outcome)
        elif before is None or str(before.error) != str(trouble.error):
            if self._lasting:
                self._terms.tell(outcome)
            else:  # it is told at the run's end, if it stays
                self._terms.report.say(f"{run.run_dir.path}: {trouble.error}; trying again")

    def _finished(self, run: Followed, outcome: Outcome) -> None:
        self._terms.tell(outcome)
        if not self._lasting:
            del self.runs[run.run_dir], self._homes[run.run_dir]

    def _hear(self, limit: float) -> None:
        """Take in what the threads did, waiting for a first thing at most ``limit`` seconds."""
        try:
            done = self._done.get(timeout=limit)
            while True:
                if done is None:
                    return
                done.heard(done)
                done = self._done.get_nowait()
        except queue.Empty:
            pass


def _is_waited_for(error: HoldfastError) -> bool:
    """Whether a first answer is waited for: not when it was a clear no."""
    if isinstance(error, RefusedError):
        return is_of_server(error) or error.status >= 500
    return is_of_server(error) and not isinstance(error, (AuthError, UntrustedError))


class _Place:
    """One source, and when its runs are looked at."""

    def __init__(self, source: Source, now: float) -> None:
        self.source = source
        self.scan_at = now
        self.scanning = False
        self.scanned = False
        self.looking = 0
        self.said: HoldfastError | None = None
        self._order = count()
        self._looks: list[tuple[float, int, Followed]] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing will come of it any more."""
        return self.scanned and not self.source.lasting

    def add(self, run: Followed) -> None:
        """Look at a run when it is time, and not when it was to be looked at before."""
        heapq.heappush(self._looks, (run.next_look, next(self._order), run))

    def take_due(self, now: float) -> list[Followed]:
        """Runs that should be looked at now; not too many, so that others get their turn."""
        due: list[Followed] = []
        while self._looks and self._looks[0][0] <= now and len(due) < _LOOKS_A_JOB:
            at, _, run = heapq.heappop(self._looks)
            if at == run.next_look:
                due.append(run)
        return due


_Looked = tuple[Followed, Sighting | OSError]


def _look(due: Sequence[Followed], clock: Callable[[], float]) -> list[_Looked]:
    found: list[_Looked] = []
    for run in due:
        try:
            found.append((run, run.look(clock())))
        except OSError as error:
            found.append((run, error))
    return found
