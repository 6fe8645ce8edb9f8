"""Following a run that is still being written: ship it as it grows, end when it has ended.

Owns the rhythm: how often the journal, the files and the writer are looked at, and when a run is
over. Must not know how one look is brought over (`one` does).
"""

from __future__ import annotations

from holdfast.rundir import RunDir, writer_of
from holdfast.sync.context import Context
from holdfast.sync.one import RunSync, guarded
from holdfast.sync.report import Outcome
from holdfast.sync.retry import StoppedError
from holdfast.sync.survey import Survey

__all__ = ["follow_run"]

_LOOK_SECONDS = 1.0
_FILES_SECONDS = 10.0
_WORD_SECONDS = 30.0
_AFTER_EXIT_SECONDS = 3.0
_SILENT_SECONDS = 300.0


def follow_run(context: Context, run_dir: RunDir) -> Outcome:
    """Bring one run over as it grows, until it has ended; never raises.

    A run has ended when its writer is gone, or some seconds after its ``exit`` record (some clients
    write their summary behind it), or when a writer that cannot be asked was silent for minutes:
    by the clock here, since times in the folder may be another machine's.
    """
    return guarded(run_dir, lambda outcome: _Follower(context, run_dir, outcome).follow())


class _Follower:
    """One run, followed."""

    def __init__(self, context: Context, run_dir: RunDir, outcome: Outcome) -> None:
        self._context = context
        self._run_dir = run_dir
        self._outcome = outcome
        self._last_word = self._last_files = self._context.clock()
        self._grew = self._context.clock()

    def follow(self) -> None:
        """Follow the file at the journal's place, and the next one that comes there, to the end."""
        while not self._follow_file():
            pass

    def _follow_file(self) -> bool:
        """Look, ship, wait, until the run has ended; then have all of it confirmed.

        False when another file lies there now: some copy a live folder again and again.
        """
        with Survey(self._run_dir.journal, clock=self._context.clock) as survey:
            run = RunSync(self._context, self._run_dir, survey, self._outcome)
            begun = False
            while True:
                # The writer is asked before the journal is read: one that was gone by then has
                # nothing more to write.
                writer = writer_of(self._run_dir)
                if survey.replaced:
                    self._grew = self._context.clock()
                    return False
                if survey.advance(growing=writer != "gone"):
                    self._grew = self._context.clock()
                begun = begun or run.begin(writer)
                if self._has_ended(survey, writer):
                    if begun:
                        run.read(writer)
                        run.finish(writer)
                    return True
                if begun:
                    self._ship(run, survey, writer)
                if self._context.stop.wait(_LOOK_SECONDS):
                    raise StoppedError("stopped following", "run the command again to go on")

    def _has_ended(self, survey: Survey, writer: str) -> bool:
        if writer == "gone":
            return True
        silent_for = self._context.clock() - self._grew
        if writer == "unknown" and silent_for > _SILENT_SECONDS:
            return True
        return survey.complete and silent_for > _AFTER_EXIT_SECONDS

    def _ship(self, run: RunSync, survey: Survey, writer: str) -> None:
        now = self._context.clock()
        if run.behind:
            run.ship_journal(writer)
            self._last_word = now
        elif now - self._last_word > _WORD_SECONDS:
            # A run that logs seldom is alive all the same: the server has to hear it.
            run.tell_writer(writer)
            self._last_word = now
        if now - self._last_files > _FILES_SECONDS:
            run.ship_files()
            self._last_files = self._context.clock()
