"""Checking a run as it lies: every frame, every file, the receipt that is kept, the server.

Owns what counts as proven. Reads only, and sends nothing of a run: the server is asked for its
position and for a receipt against a claim. Must not know how anything is shown.
"""

from __future__ import annotations

import os
import threading
import traceback
from dataclasses import dataclass, field
from typing import Any

from holdfast.errors import (
    DamagedError,
    HoldfastError,
    RefusedError,
    StorageError,
    UnconfirmedError,
)
from holdfast.ids import RunPath
from holdfast.journal import Frame, Reader
from holdfast.records.decode import kind
from holdfast.rundir import RunDir, writer_of
from holdfast.sync.context import Context, Wishes, address
from holdfast.sync.files import Catalogue
from holdfast.sync.named import Named
from holdfast.sync.receipts import Kept, claim_of, differences
from holdfast.sync.report import Reporter, defect, some
from holdfast.sync.survey import Survey
from holdfast.wire import JournalPath, Receipt

__all__ = ["Verified", "verify_run"]

_SETTLE_POLL = 0.25
_NAMED = 4


@dataclass
class Verified:
    """What was found of one run.

    Attributes:
        run: ``entity/project/id`` where a server was asked, else empty.
        size: bytes of the journal. position: end of its last whole frame.
        records: how many of each kind. gaps: bytes that no frame covers, as (start, end).
        complete: it has its ``exit`` record. writer: alive, gone or unknown.
        files: how many lie below ``files/``. file_bytes: their size.
        receipt: what the server gave, when it was asked and holds the same.
        errors: what is not as it should be; empty when all that was asked is proven.
        notes: lines about what is no error.
        trace: the traceback of a defect of Holdfast.
    """

    run_dir: RunDir
    run: str = ""
    size: int = 0
    position: int = 0
    records: dict[str, int] = field(default_factory=dict)
    gaps: tuple[tuple[int, int], ...] = ()
    complete: bool = False
    writer: str = "unknown"
    files: int = 0
    file_bytes: int = 0
    receipt: Receipt | None = None
    errors: list[HoldfastError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    trace: str = ""

    @property
    def ok(self) -> bool:
        """Whether all that was asked is proven."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this run."""
        return {
            "path": str(self.run_dir.path),
            "run": self.run,
            "ok": self.ok,
            "size": self.size,
            "position": self.position,
            "torn": self.size - self.position,
            "records": self.records,
            "gaps": [list(gap) for gap in self.gaps],
            "complete": self.complete,
            "writer": self.writer,
            "files": self.files,
            "file_bytes": self.file_bytes,
            "receipt": self.receipt.to_json() if self.receipt else None,
            "errors": [
                {"kind": type(e).__name__, "message": e.what, "do": e.do} for e in self.errors
            ],
            "notes": self.notes,
        }


def verify_run(
    run_dir: RunDir, report: Reporter, context: Context | None = None, wishes: Wishes | None = None
) -> Verified:
    """Check one run; never raises.

    Args:
        run_dir: the run.
        report: hears how many bytes there are to check, and how many were.
        context: the server to compare with; None checks the disk alone.
        wishes: where the run was put, if neither its journal nor its receipt say so.
    """
    found = Verified(run_dir)
    try:
        _Check(run_dir, report, found).run(context, wishes or Wishes())
    except HoldfastError as error:
        found.errors.append(error)
    except Exception as error:  # noqa: BLE001 - one bad run must not stop the others: it is told
        found.errors.append(defect(error))
        found.trace = traceback.format_exc()
    return found


class _Check:
    """The checks of one run, in order."""

    def __init__(self, run_dir: RunDir, report: Reporter, found: Verified) -> None:
        self._run_dir = run_dir
        self._report = report
        self._found = found
        self._held: set[str] = set()

    def run(self, context: Context | None, wishes: Wishes) -> None:
        found, run_dir = self._found, self._run_dir
        if not os.path.lexists(run_dir.journal):
            raise DamagedError(
                f"the journal of {run_dir.path} is gone",
                f"run `holdfast repair {run_dir.path}`: it recovers what lies in `files`",
            )
        found.writer = writer_of(run_dir)  # before the journal is read: what was gone stays gone
        with Survey(run_dir.journal) as survey:
            self._frames(survey)
            self._catalogue = Catalogue.of_run(run_dir, survey.artifacts)
            self._named_files()
            self._all_files()
            self._kept(survey)
            try:
                if context is not None:
                    self._server(survey, context, wishes)
            finally:
                self._of_artifacts()

    def _frames(self, survey: Survey) -> None:
        found, growing = self._found, self._found.writer != "gone"
        survey.advance(growing=growing)
        wait = threading.Event()
        while survey.unsettled:  # bytes of another host may still be under way
            wait.wait(_SETTLE_POLL)
            survey.advance(growing=growing)
        self._seen(survey.size)
        found.size, found.position = survey.size, survey.position
        found.records, found.gaps = dict(survey.records), tuple(survey.gaps)
        found.complete = survey.complete
        if not (found.writer == "alive" and survey.bare):
            _ = survey.journal  # raises what is wrong with a journal that has no record at all
        if found.gaps:
            found.errors.append(_gaps(survey))
        if survey.torn:
            text = f"{survey.torn:,} bytes after the last whole frame: a torn tail, never read"
            found.notes.append(text)
        if not found.complete:
            word = {"alive": "it still runs", "gone": "its writer is gone: it was killed"}
            found.notes.append(f"no exit record: {word.get(found.writer, 'killed, or still runs')}")

    def _named_files(self) -> None:
        named = Named()
        try:
            with self._run_dir.journal.open("rb") as file:
                for item in Reader(file):
                    if isinstance(item, Frame):
                        named.take(kind(item.payload), item.payload)
        except OSError as error:
            raise StorageError(
                f"cannot read {self._run_dir.journal}: {error.strerror or error}",
                "check that it exists and may be read",
            ) from error
        if missing := named.missing(self._run_dir.files):
            self._found.errors.append(
                DamagedError(
                    f"{len(missing)} of the {len(named.files)} files that the journal names are "
                    f"not as they were: {some(missing, _NAMED)}",
                    "copy them back into its folder `files` if they exist elsewhere",
                )
            )

    def _all_files(self) -> None:
        catalogue, found = self._catalogue, self._found
        catalogue.refresh()
        found.files = len(catalogue.entries)
        found.file_bytes = sum(entry.size for entry in catalogue.entries.values())
        self._seen(found.file_bytes)
        if catalogue.unreadable:
            found.errors.append(
                DamagedError(
                    f"{len(catalogue.unreadable)} files cannot be read: "
                    f"{some(catalogue.unreadable, _NAMED)}",
                    "give read permission",
                )
            )

    def _of_artifacts(self) -> None:
        """What is missing of artifacts here, but for what a server is known to hold."""
        if lacking := self._catalogue.lacking(self._held):
            what = some([one.what for one in lacking], _NAMED)
            self._found.errors.append(DamagedError(what, lacking[0].do))

    def _seen(self, size: int) -> None:
        self._report.expect(self._run_dir, size)
        self._report.advance(self._run_dir, size)

    def _kept(self, survey: Survey) -> None:
        """Compare with the receipt beside the journal: what was confirmed must still be here."""
        kept = Kept.read(self._run_dir)
        if kept is None:
            return
        receipt, server = kept.receipt, kept.server
        grown = survey.position - receipt.position
        if receipt.journal != survey.journal or grown < 0:
            same = False
        else:
            same = survey.digest(receipt.position) == receipt.digest
        if not same:
            self._found.errors.append(
                DamagedError(
                    f"the journal is not what {server} confirmed: bytes changed since",
                    f"the server gives its copy back: journal {receipt.journal} of the run's page",
                )
            )
        elif grown:
            self._found.notes.append(f"{grown:,} bytes more than {server} confirmed")
        now = self._catalogue.entries
        held = {entry.path: entry for entry in receipt.files}
        self._held |= held.keys()
        changed = [path for path in held if path in now and now[path] != held[path]]
        gone = [path for path in held if path not in now]
        new = [path for path in now if path not in held]
        for paths, word in ((changed, "changed"), (gone, "are gone"), (new, "are new")):
            if paths:
                which = some(paths, _NAMED)
                text = f"{len(paths)} files {word} since {server} confirmed the run: {which}"
                self._found.notes.append(text)

    def _server(self, survey: Survey, context: Context, wishes: Wishes) -> None:
        found = self._found
        of = JournalPath(self._where(survey, context, wishes), survey.journal)
        found.run = str(of.run)
        held = context.transport.position(of)
        what = f"holds {held:,} of {survey.position:,} bytes" if held else "holds nothing"
        older = "this may be an older copy of the folder: verify the newer one"
        lacks = UnconfirmedError(
            f"{context.base_url} {what} of the journal, as {of.run}",
            older if held > survey.position else f"run `holdfast sync {self._run_dir.path}`",
        )
        # A relay may hold nothing of it any more, and know all the same that the server holds it.
        if held not in {0, survey.position}:
            raise lacks
        claim = claim_of(survey, self._catalogue, found.writer)
        try:
            receipt = context.transport.receipt(of, claim)
        except RefusedError as error:
            if not held and error.code in {"not_found", "claim_mismatch"}:
                raise lacks from error
            if error.code != "claim_mismatch":
                raise
            other = error.detail.get("digest") not in {None, claim.digest}
            raise _unlike(
                context, "other bytes of the journal" if other else "fewer files"
            ) from error
        entries = list(self._catalogue.entries.values())
        if unlike := differences(receipt, claim, survey.records, entries):
            raise _unlike(context, ", ".join(unlike))
        found.receipt = receipt
        self._held |= {entry.path for entry in receipt.files}
        if found.writer != "gone" and not found.complete:
            raise UnconfirmedError("it may still be written: confirmed up to now only")

    def _where(self, survey: Survey, context: Context, wishes: Wishes) -> RunPath:
        """The run's name: as the server called it when it confirmed it, else as in a sync."""
        kept = Kept.read(self._run_dir, context.base_url)
        if kept is not None and kept.receipt.journal == survey.journal:
            run = kept.receipt.run
            wishes = Wishes(
                wishes.entity or run.entity,
                wishes.project or run.project,
                wishes.run_id or run.run_id,
            )
        return address(survey.run_record, self._run_dir, wishes, context.viewer.entity)


def _gaps(survey: Survey) -> DamagedError:
    lost = sum(end - start for start, end in survey.gaps)
    spans = some([f"{start}-{end}" for start, end in survey.gaps], _NAMED)
    return DamagedError(
        f"{lost:,} bytes of the journal cannot be read, in {len(survey.gaps)} gaps: bytes {spans}",
        f"run `holdfast repair {survey.path.parent}`",
    )


def _unlike(context: Context, what: str) -> UnconfirmedError:
    return UnconfirmedError(
        f"{context.base_url} does not hold what lies on disk: {what}",
        "sync it; if it stays, keep the folder and report it",
    )
