"""One run as it is followed: what is known of it between looks, and the turns that bring it on.

Owns the rhythm of one run: how often it is looked at, what is due, when it has ended, how long a
failure rests. Between turns it holds no open file. A turn is short, or can be left, and is done
in some thread; all else here is called from one. Must not know other runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from holdfast.errors import HoldfastError
from holdfast.rundir import RunDir, WriterState, writer_of
from holdfast.sync.context import Context
from holdfast.sync.files import of_artifact
from holdfast.sync.one import RunSync, fail
from holdfast.sync.receipts import noting_deletion
from holdfast.sync.report import Outcome
from holdfast.sync.survey import SLICE_BYTES, ReplacedError, Survey

__all__ = ["LARGE_BYTES", "Filed", "Followed", "Shipped", "Sighting", "Trouble", "Turn"]

Turn = Literal["journal", "files", "large", "finish"]
"""What can be due: bytes of the journal or a word of its writer; files; large files and those of
artifacts; the claim."""

LARGE_BYTES = 64 << 20
"""Files longer than this, and those of artifacts, wait for all others."""

_LOOK_SECONDS = 1.0
_QUIET_AFTER = 60.0
_QUIET_LOOK_SECONDS = 2.5
_ENDED_LOOK_SECONDS = 5.0
_RESTING_LOOK_SECONDS = 60.0
_ASK_SECONDS = 3.0
_FILES_SECONDS = 10.0
_FILES_LONGEST_SECONDS = 60.0
_FILES_SHARE = 20
_WORD_SECONDS = 45.0
_AFTER_EXIT_SECONDS = 3.0
_SILENT_SECONDS = 300.0
_LARGE_TURN_SECONDS = 30.0
_AGAIN_FIRST = 0.5
_AGAIN_LONGEST = 300.0
_AGAIN_LONGEST_SHARED = 30.0


class Sighting(NamedTuple):
    """How a run looked: what `stat` tells, and its writer if it was asked for."""

    size: int
    mtime_ns: int
    files_mtime_ns: int | None
    writer: WriterState | None


class Shipped(NamedTuple):
    """What came of a journal's turn."""

    begun: bool
    position: int
    torn: int
    more: bool
    unsettled: bool
    complete: bool
    told: WriterState


class Filed(NamedTuple):
    """What came of a turn of files; ``waiting`` are the bytes that wait for a later turn."""

    done: bool
    waiting: int
    changed: bool
    seconds: float


class Trouble(NamedTuple):
    """A turn that failed so many times one after another, and when it is tried again."""

    error: HoldfastError
    failures: int
    retry_at: float


class Followed:
    """One run. Times are seconds of one clock that only grows.

    Args:
        run_dir: its folder.
        now: the time.
        position: how much of the journal the server confirmed, as far as is known.
        resting: all of it is confirmed: nothing is due until it changes.
        writer: tells how its writer is; asked from any thread.

    Attributes:
        next_look: when it should be looked at again; changed by `seen`, `unseen` and `wake` only.
        size: of the journal at the last look.
        position: where the server stands in the journal.
        waiting: bytes of files that wait.
        writer: how the writer is.
        queued: the turns that wait for a thread, and whether somebody waits for what they bring.
        since: Unix seconds since when something is pending; 0 for nothing.
        outcome: how it fares.
        troubles: the turns that failed last time.
        deleted: what the server said, if somebody deleted the run there; it stays here.
    """

    __slots__ = (
        "_asked_at", "_begun", "_changed", "_complete", "_files_at", "_files_pause",
        "_files_seen", "_filing", "_grew_at", "_has_grown", "_more", "_run", "_seen", "_shipping",
        "_survey", "_swept", "_told", "_torn", "_unsettled", "_word_at", "_writer_of", "deleted",
        "next_look", "outcome", "position", "queued", "resting", "run_dir", "since", "size",
        "troubles", "waiting", "writer",
    )  # fmt: skip

    def __init__(
        self,
        run_dir: RunDir,
        now: float,
        *,
        position: int = 0,
        resting: bool = False,
        writer: Callable[[RunDir], WriterState] = writer_of,
    ) -> None:
        self.run_dir = run_dir
        self.next_look = now
        self.size = 0
        self.position = position
        self.waiting = 0
        self.writer: WriterState = "unknown"
        self.since = 0.0
        self.outcome = Outcome(run_dir)
        self.resting = resting
        self.troubles: dict[Turn, Trouble] = {}
        self.deleted: HoldfastError | None = None
        self.queued: dict[Turn, bool] = {}
        self._writer_of = writer
        self._seen: tuple[int, int] | None = None
        self._files_seen: int | None = None
        self._grew_at = now
        self._has_grown = False
        self._asked_at: float | None = None
        self._forget_progress(now)

    def _forget_progress(self, now: float) -> None:
        """Begin from nothing: what the server has is asked again."""
        self._survey: Survey | None = None
        self._run: RunSync | None = None
        self._begun = self._complete = self._more = self._unsettled = self._swept = False
        self._changed = not self.resting
        self._shipping = self._filing = False
        self._torn = 0
        self._told: WriterState = "alive"
        self._word_at = now
        self._files_at = now + _FILES_SECONDS
        self._files_pause = _FILES_SECONDS

    # Looking.

    def look(self, now: float) -> Sighting:
        """Look at it, from any thread; OSError when that is not possible."""
        writer = None
        if not self.resting and self._is_to_be_asked(now):
            # The writer is asked before the size: one that was gone by then has nothing more to
            # write. Asking opens the file, which makes a network filesystem ask for its size.
            writer = self._writer_of(self.run_dir)
        found = os.stat(self.run_dir.journal)
        files_mtime_ns = self._files_mtime_ns() if self.resting else None
        return Sighting(found.st_size, found.st_mtime_ns, files_mtime_ns, writer)

    def _is_to_be_asked(self, now: float) -> bool:
        if self._asked_at is None:
            return True
        return self.writer != "gone" and now - self._asked_at >= _ASK_SECONDS

    def _files_mtime_ns(self) -> int:
        try:
            return os.stat(self.run_dir.files).st_mtime_ns
        except OSError:  # it has no files
            return 0

    def seen(self, found: Sighting, now: float) -> None:
        """Take in what a look showed."""
        self.size = found.size
        grew = self._seen not in {None, found[:2]}
        touched = False
        if self.resting and found.files_mtime_ns is not None:
            touched = self._files_seen not in {None, found.files_mtime_ns}
            self._files_seen = found.files_mtime_ns
        self._seen = found[:2]
        if self.resting and (grew or touched):
            self.wake(now)
        if grew:
            self._changed, self._swept, self._grew_at, self._torn = True, False, now, 0
            self._has_grown = True
            if found.writer is None and self.writer == "gone":
                self._asked_at = None  # so it lives: it is asked at the next look
        if found.writer is not None:
            # Of one that cannot be asked (another machine's, wandb's) its growth tells.
            lives = self._has_grown and now - self._grew_at <= _SILENT_SECONDS
            self.writer = "alive" if lives and found.writer == "unknown" else found.writer
            self._asked_at = now
        if self.pending and not self.since:
            self.since = found.mtime_ns / 1e9
        self._pause(now)

    def wake(self, now: float) -> None:
        """It rests, and has something to send: all of it is looked at from the beginning."""
        self.resting, self._asked_at, self.next_look = False, None, now
        self._forget_progress(now)

    def _pause(self, now: float) -> None:
        if self.resting:
            pause = _RESTING_LOOK_SECONDS
        elif self.has_ended(now) and self._asked_at is not None:
            pause = _ENDED_LOOK_SECONDS
        else:
            quiet = now - self._grew_at > _QUIET_AFTER
            pause = _QUIET_LOOK_SECONDS if quiet else _LOOK_SECONDS
        self.next_look = now + pause

    def unseen(self, now: float) -> None:
        """It could not be looked at, or is looked at already: later."""
        self._pause(now)

    # What is due.

    def due(self, now: float, *, files: bool) -> list[Turn]:
        """The turns that are due and not under way; ``files`` tells whether files may be sent."""
        if self.resting or self._asked_at is None:
            return []
        turns: list[Turn] = ["journal"] if self._journal_due(now) else []
        if self._begun and files and not self._filing and (turn := self._files_due(now, turns)):
            turns.append(turn)
        return [turn for turn in turns if not self._is_resting_from(turn, now)]

    def _is_resting_from(self, turn: Turn, now: float) -> bool:
        trouble = self.troubles.get(turn)
        return trouble is not None and now < trouble.retry_at

    def _journal_due(self, now: float) -> bool:
        if self._shipping:
            return False
        if self._changed or self._more or self._unsettled:
            return True
        if self._begun and self.has_ended(now):
            return self.writer != self._told  # the server hears of the end before large files go
        return self._begun and now - self._word_at >= _WORD_SECONDS

    def is_urgent(self, turn: Turn, now: float) -> bool:
        """Whether a turn that is due brings more than the word that a silent writer lives."""
        news = self._changed or self._more or self._unsettled
        return turn != "journal" or news or self.has_ended(now)

    def _files_due(self, now: float, turns: list[Turn]) -> Turn | None:
        if self.has_ended(now):
            if turns or self._shipping:
                return None
            return "files" if not self._swept else "large" if self.waiting else "finish"
        if now >= self._files_at:
            return "files"
        return "large" if self.waiting else None

    def has_ended(self, now: float) -> bool:
        """Whether its writer is gone, or has said its last word some seconds ago.

        Some clients write their summary behind the ``exit`` record. A writer that cannot be asked
        is gone after minutes of silence by the clock here: times in the folder may be another
        machine's.
        """
        if self.writer == "gone":
            return True
        silent_for = now - self._grew_at
        if self.writer == "unknown" and silent_for > _SILENT_SECONDS:
            return True
        return self._complete and silent_for > _AFTER_EXIT_SECONDS

    @property
    def busy(self) -> bool:
        """Whether a turn is under way."""
        return self._shipping or self._filing

    @property
    def pending(self) -> int:
        """Bytes that were not sent, as far as is known."""
        return 0 if self.resting else max(0, self.size - self.position - self._torn) + self.waiting

    @property
    def state(self) -> str:
        """How it fares, in one word, for people."""
        if self.deleted is not None:
            return "deleted"
        if self.troubles:
            return "failing"
        if self.resting:
            return self.outcome.state if self.outcome.state != "failed" else "confirmed"
        return "ending" if self.writer == "gone" or self._complete else "running"

    # Turns: begun and ended in one thread, done in another between.

    def begin(
        self, turn: Turn, context: Context, files: Callable[[], bool]
    ) -> Callable[[], object]:
        """The work of a turn, for some thread; ``files`` tells whether files may go on."""
        writer = self.writer
        if turn in {"journal", "finish"}:
            self._shipping = True
        if turn != "journal":
            self._filing = True
        if turn == "journal":
            self._changed = False

        def work() -> object:
            with noting_deletion(self.run_dir, context.base_url, context.wishes):
                if turn == "journal":
                    return self._ship(context, writer)
                if turn == "finish":
                    return self._finish(writer)
                return self._file(turn, files)

        return work

    def ended(self, turn: Turn, result: object, now: float) -> Outcome | None:
        """Take in what came of a turn; returns the outcome when the run is done with."""
        self._release(turn)
        self.troubles.pop(turn, None)
        if isinstance(result, Shipped):
            self._take_shipped(result, now)
        elif isinstance(result, Filed):
            self._take_filed(turn, result, now)
        elif isinstance(result, Outcome):
            return self._rest(now) if not self._changed else None
        done = self._complete or self.writer == "gone"
        if not self._begun and self.writer == "gone" and not self._changed:
            return self._rest(now)  # nothing was ever written
        self.since = self.since if self.pending or done else 0.0
        return None

    def failed(self, turn: Turn, error: BaseException, now: float, *, shared: bool) -> Outcome:
        """Take in that a turn failed; ``shared``: for a reason that all runs share."""
        self._release(turn)
        if turn in {"journal", "finish"}:
            self._changed = True
            self._begun = self._run is not None  # another file may lie there, of which nothing went
        outcome = Outcome(self.run_dir, run=self.outcome.run)
        fail(outcome, error)
        assert outcome.error is not None
        before = self.troubles.get(turn)
        failures = 1 if before is None else before.failures + 1
        longest = _AGAIN_LONGEST_SHARED if shared else _AGAIN_LONGEST
        wait = min(longest, _AGAIN_FIRST * 2.0 ** min(failures, 12))
        self.troubles[turn] = Trouble(outcome.error, failures, now + wait)
        return outcome

    def removed(self, turn: Turn, error: BaseException, now: float) -> Outcome | None:
        """Take in that somebody deleted the run on the server: nothing is due until it changes.

        Returns:
            The outcome; None when that was known before, or another turn is still under way.
        """
        outcome = self.failed(turn, error, now, shared=False)
        if self.busy:
            return None  # it fails in the same way: this turn comes again then
        known, self.deleted = self.deleted, outcome.error
        self.troubles.clear()
        self._rest(now)
        return outcome if known is None else None

    def _release(self, turn: Turn) -> None:
        if turn in {"journal", "finish"}:
            self._shipping = False
        if turn != "journal":
            self._filing = False

    def _take_shipped(self, result: Shipped, now: float) -> None:
        self.deleted = None
        self._begun = result.begun
        self.position, self._torn, self._more = result.position, result.torn, result.more
        self._unsettled, self._complete = result.unsettled, result.complete
        self._told, self._word_at = result.told, now

    def _take_filed(self, turn: Turn, result: Filed, now: float) -> None:
        self.waiting = result.waiting
        if turn == "large" or not result.done:
            return
        self._swept = True
        longer = min(self._files_pause * 2, _FILES_LONGEST_SECONDS)
        self._files_pause = _FILES_SECONDS if result.changed else longer
        self._files_at = now + max(self._files_pause, _FILES_SHARE * result.seconds)

    def _rest(self, now: float) -> Outcome:
        """All is confirmed: keep next to nothing in memory."""
        outcome = self.outcome
        self.outcome = Outcome(self.run_dir, outcome.state, outcome.run)
        self.resting, self.since, self.waiting, self.position = True, 0.0, 0, self.size
        self._forget_progress(now)
        return outcome

    def _ship(self, context: Context, writer: WriterState) -> Shipped:
        try:
            return self._ship_on(context, writer)
        except ReplacedError:
            self._survey = self._run = None
            return self._ship_on(context, writer)

    def _ship_on(self, context: Context, writer: WriterState) -> Shipped:
        if self._survey is None:
            self._survey, self._run = Survey(self.run_dir.journal), None
        with self._survey as survey:
            growing = writer != "gone"
            survey.advance(growing=growing, limit=SLICE_BYTES)
            run = self._run
            if run is None:
                while survey.more and survey.run_record is None:
                    survey.advance(growing=growing, limit=SLICE_BYTES)
                self.outcome = Outcome(self.run_dir)
                run = RunSync(context, self.run_dir, survey, self.outcome)
                if not run.begin(writer):
                    return Shipped(False, 0, 0, survey.more, survey.unsettled, False, writer)
                self._run = run
            if run.behind:
                run.ship_journal(writer)
            else:
                run.tell_writer(writer)
            return Shipped(
                begun=True,
                position=run.position,
                torn=survey.torn,
                more=survey.more or run.behind,
                unsettled=survey.unsettled,
                complete=survey.complete,
                told=writer,
            )

    def _file(self, turn: Turn, files: Callable[[], bool]) -> Filed:
        run = self._run
        if run is None:  # a turn of the journal beside this one found another file in its place
            raise ReplacedError(f"{self.run_dir.journal} is another file now", "it is read anew")
        start = time.monotonic()
        before = dict(run.catalogue.entries)
        if turn == "large":
            late = start + _LARGE_TURN_SECONDS
            done = run.ship_files(leave=lambda: time.monotonic() > late or not files())
            left = 0 if done else max(1, self.waiting)
        else:
            done = run.ship_files(some=_is_small, leave=lambda: not files())
            left = run.catalogue.waiting
        changed = before != run.catalogue.entries
        return Filed(done, left, changed, time.monotonic() - start)

    def _finish(self, writer: WriterState) -> Outcome:
        assert self._run is not None
        assert self._survey is not None
        with self._survey:
            self._files_seen = self._files_mtime_ns()
            self._run.read(writer)
            self._run.finish(writer)
        return self.outcome


def _is_small(path: str, size: int) -> bool:
    return size <= LARGE_BYTES and not of_artifact(path)
