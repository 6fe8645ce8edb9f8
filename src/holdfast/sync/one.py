"""One run, brought to the server and proven to be there.

Owns the order: journal, files, claim, receipt, markers. Writes nothing in the run folder but the
markers. Must not know other runs.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from functools import partial

from holdfast.errors import HoldfastError, RefusedError, StorageError, UnconfirmedError
from holdfast.journal import HEADER
from holdfast.rundir import RunDir, mark_synced, writer_of
from holdfast.sync.context import NO_EDIT, Context, address
from holdfast.sync.files import Catalogue, Some, every, of_artifact
from holdfast.sync.receipts import (
    Kept,
    Sight,
    claim_of,
    deletion,
    differences,
    is_deletion,
    keep,
    noting_deletion,
)
from holdfast.sync.report import Outcome, defect, some
from holdfast.sync.ship import JournalShipper
from holdfast.sync.survey import SLICE_BYTES, ReplacedError, Survey
from holdfast.sync.upload import FileShipper
from holdfast.wire import Claim, FileEntry, JournalPath, Receipt

__all__ = ["RunSync", "fail", "guarded", "sync_run"]

_CLAIMS = 3
_SETTLE_POLL = 0.25
_FIRST_BYTES = 512 << 10
_NAMED = 8
_HEADED = len(HEADER)


def sync_run(context: Context, run_dir: RunDir) -> Outcome:
    """Bring one run to the server as it lies on disk now; never raises.

    A run that is still being written is brought up to what is there now.
    """

    def work(outcome: Outcome) -> None:
        with noting_deletion(run_dir, context.base_url, context.wishes):
            _sync_now(context, run_dir, outcome)

    return guarded(run_dir, work)


def guarded(run_dir: RunDir, work: Callable[[Outcome], None]) -> Outcome:
    """Do ``work`` on a fresh outcome; whatever it raises becomes the outcome's error."""
    outcome = Outcome(run_dir)
    try:
        work(outcome)
    except Exception as error:  # noqa: BLE001 - one bad run must not stop the others: it is told
        fail(outcome, error)
    return outcome


def fail(outcome: Outcome, error: BaseException) -> None:
    """Put down in an outcome that an error ended the work; a foreign one is a defect of ours."""
    outcome.state = "deleted" if is_deletion(error) else "failed"
    if isinstance(error, HoldfastError):
        outcome.error = error
        return
    outcome.error = defect(error)
    outcome.trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))


def _sync_now(context: Context, run_dir: RunDir, outcome: Outcome) -> None:
    try:
        _sync_once(context, run_dir, outcome)
    except ReplacedError:
        outcome.notes.clear()
        _sync_once(context, run_dir, outcome)


def _sync_once(context: Context, run_dir: RunDir, outcome: Outcome) -> None:
    writer = writer_of(run_dir)
    with Survey(run_dir.journal, clock=context.clock) as survey:
        run = RunSync(context, run_dir, survey, outcome)
        if run.bring(writer):
            run.finish(writer)


class _Beside:
    """Work in a thread of its own; `wait` gives what it raised.

    The thread ends with the process: an interrupt does not wait for a request under way.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by wait
            self._error = error

    def wait(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error


class RunSync:
    """The steps of one run's sync, in the order in which they may be called.

    Args:
        context: the server.
        run_dir: the run's folder.
        survey: its journal.
        outcome: filled as the steps go.
    """

    def __init__(self, context: Context, run_dir: RunDir, survey: Survey, outcome: Outcome) -> None:
        self._context = context
        self._run_dir = run_dir
        self._survey = survey
        self._outcome = outcome
        self._sight: Sight | None = None
        self._skipped: set[str] = set()
        self._shipped: dict[str, FileEntry] = {}
        self.catalogue = Catalogue.of_run(run_dir, survey.artifacts, context.wishes.files)

    def read(self, writer: str) -> None:
        """Survey the whole journal as it lies there now."""
        self._look()
        self._survey_on(writer)

    def bring(self, writer: str) -> bool:
        """Survey the journal and send it; False when nothing was written yet.

        Of a long one a part is sent while the next is surveyed: the one waits for the server,
        the other for this processor.
        """
        self._look()
        limit = _FIRST_BYTES
        self._survey_on(writer, limit)
        while self._survey.more and self._survey.run_record is None:
            self._survey_on(writer, limit)
        if not self.begin(writer):
            return False
        while self._survey.more:
            limit = min(2 * limit, SLICE_BYTES)  # the server is not kept waiting for a long first
            end = self._survey.position
            sending = _Beside(partial(self._journal.ship_up_to, end, self._survey, writer))
            try:
                self._survey_on(writer, limit)
            finally:
                sending.wait()
        return True

    def _look(self) -> None:
        """Take how the folder looks before it is read: what changes later is pending again."""
        self._sight = Sight.of(self._run_dir)
        self._check_place()

    def _check_place(self) -> None:
        """Refuse to prove one folder by what was read in another."""
        if self._survey.replaced:
            raise UnconfirmedError(
                f"{self._run_dir.path} was moved or replaced while it was sent",
                "sync again, where the folder is now",
            )

    def _survey_on(self, writer: str, limit: int | None = None) -> None:
        growing = writer != "gone"
        self._survey.advance(growing=growing, limit=limit)
        while self._survey.unsettled and not self._context.stop.wait(_SETTLE_POLL):
            self._survey.advance(growing=growing, limit=limit)

    def finish(self, writer: str) -> None:
        """Send all that `read` found, and all files, those of artifacts last; have it confirmed."""
        self.ship_journal(writer)
        if self._survey.artifacts:
            self.ship_files(some=lambda path, _: not of_artifact(path))
            self.ship_files(some=lambda path, _: of_artifact(path))
        else:
            self.ship_files()
        self.confirm(writer)

    def begin(self, writer: str) -> bool:
        """Learn the run's name; False when nothing was written yet.

        Raises:
            DamagedError: the journal has no readable record.
            UsageError: the run's name is not legal.
        """
        survey, outcome = self._survey, self._outcome
        early = writer == "alive" or (survey.bare and (writer != "gone" or survey.size >= _HEADED))
        if survey.run_record is None and early:
            outcome.state = "empty"
            return False
        journal = survey.journal
        if survey.run_record is None:
            outcome.notes.append("its run record cannot be read: project and entity are defaults")
        of = address(
            survey.run_record,
            self._run_dir,
            self._context.wishes,
            self._context.viewer.entity,
        )
        outcome.run = str(of)
        self._of = JournalPath(of, journal)
        if self._context.wishes.again:
            self._context.transport.readmit(of)
        kept = Kept.read(self._run_dir, self._context.base_url)
        self._held = {file.path for file in kept.receipt.files} if kept else set()
        hint = kept.receipt.position if kept and kept.receipt.journal == journal else 0
        if kept:
            there = [file.digest for file in kept.receipt.files]
            self._context.known.hear(kept.receipt.run.entity, there, set())
        # Nothing to send, if the server still has it; or, of a run that was deleted, in vain.
        base_url = self._context.base_url
        if hint >= survey.position or (not kept and deletion(self._run_dir, base_url) is not None):
            hint = self._context.transport.position(self._of)
        self._journal = JournalShipper(self._context, self._run_dir, self._of, position=hint)
        self._files = FileShipper(self._context, self._run_dir, self._of, self.catalogue)
        return True

    @property
    def behind(self) -> bool:
        """Whether more was surveyed than the server has."""
        return self._journal.position < self._survey.position

    @property
    def position(self) -> int:
        """Where the server stands in the journal, as far as is known here."""
        return self._journal.position

    def ship_journal(self, writer: str) -> None:
        """Send what was surveyed and is not there."""
        self._journal.ship(self._survey, writer)
        self._tell()

    def tell_writer(self, writer: str) -> None:
        """Say how the writer is."""
        self._journal.tell(writer)

    def ship_files(self, *, some: Some = every, leave: Callable[[], bool] = lambda: False) -> bool:
        """Send the files that are new or changed since they were sent; False when some were left.

        Args:
            some: which files.
            leave: asked now and then; True leaves the rest for later.
        """
        self.catalogue.refresh(some=some, stop=leave)
        self._note_skipped()
        done = not leave()
        if done and self._unsent(some):
            done = self._files.ship(some=some, leave=leave)
        if done:
            self._shipped.update(self._unsent(some))
        self._tell()
        return done

    def _unsent(self, some: Some) -> dict[str, FileEntry]:
        return {
            path: entry
            for path, entry in self.catalogue.entries.items()
            if self._shipped.get(path) != entry and some(path, entry.size)
        }

    def confirm(self, writer: str) -> None:
        """Claim what lies on disk, compare the receipt with it, and keep the receipt.

        Raises:
            UnconfirmedError: the server does not hold what lies on disk.
        """
        survey, outcome = self._survey, self._outcome
        if not self._context.wishes.verify:
            self._ask_edit()
            self._check_place()
            self.tell_writer(writer)
            self._note_missing()
            outcome.state = "sent"
            return
        receipt, claim = self._ask(writer)
        entries = list(self.catalogue.entries.values())
        found = differences(receipt, claim, survey.records, entries)
        if found:
            raise UnconfirmedError(
                f"the server does not hold what lies on disk: {', '.join(found)}",
                "sync again; if it stays, keep the folder and report it",
            )
        outcome.receipt = receipt
        outcome.rows = receipt.rows  # a row may have come in several records
        outcome.gaps = receipt.gaps  # those of the journals that this one was repaired from, too
        outcome.run = str(receipt.run.path)
        outcome.url = receipt.run.url
        self._ask_edit()
        if self.catalogue.unreadable:
            raise UnconfirmedError(
                f"all but {len(self.catalogue.unreadable)} files arrived; cannot be read: "
                f"{self.catalogue.unreadable[0]}",
                "give read permission and sync again",
            )
        self._held = {file.path for file in receipt.files}
        self._note_missing()
        self._note_ignored()
        if unknown := receipt.records.get("unknown", 0):
            note = f"the server cannot read {unknown} records, of kinds that it does not know"
            outcome.notes.append(f"{note}; it keeps them, and a newer Holdfast there will")
        if self.catalogue.left_out:
            # Not confirmed: a receipt kept here would say so of the whole folder.
            outcome.state = "partial"
            outcome.notes.append(f"{self.catalogue.left_out} files left out, as was asked")
            return
        final = survey.complete or writer == "gone"
        outcome.state = "confirmed" if final else "running"
        self._keep(receipt, writer, final=final)

    def _ask_edit(self) -> None:
        """Have the run say what was wished: when it is there, before its receipt is kept.

        So a wish that fails leaves the run pending, and is tried again with it.
        """
        if self._context.wishes.edit != NO_EDIT:
            self._context.transport.edit(self._of.run, self._context.wishes.edit)

    def _ask(self, writer: str) -> tuple[Receipt, Claim]:
        """The server's receipt; what it turns out to lack is sent again."""
        survey = self._survey
        for attempt in range(_CLAIMS):
            self._check_place()  # a folder that went away looks like one without files
            claim = claim_of(survey, self.catalogue, writer)
            try:
                return self._context.transport.receipt(self._of, claim), claim
            except RefusedError as error:
                if error.code not in {"claim_mismatch", "not_found"} or attempt == _CLAIMS - 1:
                    raise _unlike(error, claim) from error
                position = error.detail.get("position", 0)
                if isinstance(position, int) and position != survey.position:
                    self._journal.position = position
                    self._journal.ship(survey, writer)
                elif error.detail.get("digest") not in {None, claim.digest}:
                    raise _unlike(error, claim) from error
                self._files.ship()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _keep(self, receipt: Receipt, writer: str, *, final: bool) -> None:
        if self._sight is None or not self._context.wishes.mark:
            return
        kept = Kept(self._context.base_url, self._sight, writer, receipt)
        try:
            keep(self._run_dir, kept)
            if final:
                mark_synced(self._run_dir)
        except StorageError as error:
            # The proof stands without the marker; the run is only looked at again next time.
            self._outcome.notes.append(f"the receipt could not be kept: {error}")

    def _note_skipped(self) -> None:
        """One line for all that is no file, each name once however often this is called."""
        new = [line for line in self.catalogue.skipped if line not in self._skipped]
        if new:
            self._skipped.update(new)
            self._outcome.notes.append(f"left out, no files: {some(new, _NAMED)}")

    def _note_missing(self) -> None:
        """A line for each artifact of which files are missing, here and there.

        And one for files that are not sent, as others have their names.

        Raises:
            UnconfirmedError: the bytes of some lie here and cannot be sent.
        """
        notes = self._outcome.notes
        if clashes := self.catalogue.clashes:
            what = "not sent, as a file of that name lies below files/"
            notes.append(f"{what}: {some(clashes, _NAMED)}")
        lacking = self.catalogue.lacking(self._held)
        gone = [f"{one.what}; {one.do}" for one in lacking if not one.there]
        notes += gone[:_NAMED]
        if len(gone) > _NAMED:
            notes.append(f"the same of {len(gone) - _NAMED} more artifacts")
        if unsent := [one for one in lacking if one.there]:
            raise UnconfirmedError(f"all else arrived, but {unsent[0].what}", unsent[0].do)

    def _note_ignored(self) -> None:
        if ignored := self.catalogue.ignored:
            note = f"{len(ignored)} files ignored, as the run's ignore file says"
            self._outcome.notes.append(note)

    def _tell(self) -> None:
        """Bring the outcome up to date."""
        outcome, survey = self._outcome, self._survey
        outcome.rows = survey.rows
        outcome.records = dict(survey.records)
        outcome.gaps = tuple(survey.gaps)
        outcome.files = len(self.catalogue.entries)
        outcome.sent = self._journal.sent + self._files.sent
        if self._journal.run:
            outcome.url = self._journal.run.url


def _unlike(error: RefusedError, claim: Claim) -> HoldfastError:
    if error.code != "claim_mismatch":
        return error
    held = error.detail.get("position")
    what = f"journal bytes {held} of {claim.position}"
    if held == claim.position:
        what = "the bytes of the journal or the list of files differ"
    return UnconfirmedError(
        f"the server does not hold what lies on disk: {what}",
        "sync again; if it stays, keep the folder and report it",
    )
