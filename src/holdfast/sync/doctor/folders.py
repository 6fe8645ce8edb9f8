"""Run folders: what is pending and why, and what about a folder stands in the way.

Reads every frame, but no file to its end (`verify` does that). Must not know the server.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from holdfast.errors import DamagedError, HoldfastError
from holdfast.journal import Frame, Reader
from holdfast.records.decode import kind, parse
from holdfast.rundir import RunDir, of_folder, writer_of
from holdfast.sync.artifacts import artifact_files
from holdfast.sync.context import Wishes
from holdfast.sync.doctor.finding import Finding, Severity, of_error
from holdfast.sync.doctor.versions import Written
from holdfast.sync.files import Catalogue
from holdfast.sync.named import Named
from holdfast.sync.receipts import Kept, deletion, is_pending
from holdfast.sync.report import some
from holdfast.sync.survey import Survey

__all__ = ["Pending", "Unsent", "look_at_folder", "of_deletion"]

_Span = tuple[int, int]

_SUBJECT = "folders"
_NAMED = 3


class Unsent(NamedTuple):
    """A pending run.

    Args:
        run_dir: it. record: payload of its first ``run`` record, None without one.
        journal: the id of its journal. position: the end of its last whole frame.
    """

    run_dir: RunDir
    record: bytes | None
    journal: str
    position: int


class _Read(NamedTuple):
    """What a journal names, where it speaks of artifacts, and what to ask the server about."""

    named: Named
    artifacts: list[_Span]
    unsent: Unsent | None


@dataclass
class Pending:
    """What is still to be sent.

    Attributes:
        runs: that have something. size: bytes of them, journals and files.
        longest: bytes of the longest record.
        deleted: runs that somebody deleted on the server.
        unsent: the runs that have something, but for those of which nothing was written yet.
        synced: the runs that have nothing to send: all is confirmed.
        written: who wrote the journals.
    """

    runs: int = 0
    size: int = 0
    longest: int = 0
    deleted: int = 0
    unsent: list[Unsent] = field(default_factory=list)
    synced: list[RunDir] = field(default_factory=list)
    written: Written = field(default_factory=Written)


def look_at_folder(run_dir: RunDir, server: str, pending: Pending) -> Iterator[Finding]:
    """What there is to say of one run folder; nothing when it is as it should be and confirmed.

    Args:
        run_dir: the run.
        server: the address whose receipts count.
        pending: gets what this run has to send.
    """
    if not os.path.lexists(run_dir.journal):
        yield _finding(
            run_dir,
            "error",
            "the journal is gone",
            f"no .wandb file in {run_dir.path.name}",
            f"holdfast repair {run_dir.path}",
        )
        return
    yield from _rights(run_dir)
    yield from _left_over(run_dir)
    try:
        read = yield from _journal(run_dir, pending)
    except DamagedError as error:
        cure = f"holdfast repair {run_dir.path} brings back what lies in `files`; or remove it"
        what = "nothing in the journal can be read"
        yield _finding(run_dir, "error", what, str(error), cure)
        return
    except HoldfastError as error:
        yield of_error(_SUBJECT, "the journal cannot be read", error, path=run_dir.path)
        return
    yield from _files(run_dir, read.named)
    size = yield from _artifacts(run_dir, server, read.artifacts)
    yield from _why_pending(run_dir, server, pending, read.unsent, size)


def _journal(run_dir: RunDir, pending: Pending) -> Generator[Finding, None, _Read]:
    """Findings on frames; returns what else is looked at."""
    unsent = None
    with Survey(run_dir.journal) as survey:
        survey.advance(growing=False)
        writer = writer_of(run_dir)
        if not (survey.bare and writer == "alive"):
            # Raises what is wrong with a journal that has no record.
            unsent = Unsent(run_dir, survey.run_record, survey.journal, survey.position)
        if survey.gaps:
            lost = sum(end - start for start, end in survey.gaps)
            places = "1 place" if len(survey.gaps) == 1 else f"{len(survey.gaps)} places"
            yield _finding(
                run_dir,
                "warning",
                f"the journal is damaged in {places}; all else will be sent",
                f"{lost:,} of {survey.size:,} bytes cannot be read",
                f"holdfast repair {run_dir.path}, if W&B's tools are to read it too",
            )
        if survey.torn and writer == "gone":
            evidence = f"{survey.torn:,} bytes after the last whole frame"
            yield _finding(run_dir, "note", "the journal ends in half a frame", evidence)
        if writer == "unknown" and not survey.complete:
            what = "nobody can say whether this run is still written"
            yield _finding(run_dir, "note", what, "no lock is seen; it was written just now")
        records = dict(survey.records)
    named, producer = Named(), ""
    with run_dir.journal.open("rb") as file:
        for item in Reader(file):
            if isinstance(item, Frame):
                pending.longest = max(pending.longest, item.end - item.start)
                name = kind(item.payload)
                named.take(name, item.payload)
                if name == "header" and not producer:
                    producer = parse(item.payload).header.version_info.producer
    pending.written.take(run_dir.journal, producer, records)
    return _Read(named, survey.artifacts, unsent)


def _files(run_dir: RunDir, named: Named) -> Iterator[Finding]:
    if not run_dir.files.is_dir():
        severity: Severity = "warning" if named.files else "note"
        what = "the folder `files` is missing"
        evidence = f"the journal names {len(named.files)} files"
        cure = "copy it here if it exists elsewhere; the journal is sent without it"
        yield _finding(run_dir, severity, what, evidence, cure)
    else:
        named.files = dict.fromkeys(named.files, "")  # that they are there is enough here
        if missing := named.missing(run_dir.files):
            what = f"{len(missing)} of {len(named.files)} files that the journal names are gone"
            cure = "copy them back if they exist elsewhere; all else will be sent"
            yield _finding(run_dir, "warning", what, some(missing, _NAMED), cure)


def _artifacts(
    run_dir: RunDir, server: str, frames: Sequence[_Span]
) -> Generator[Finding, None, int]:
    """Findings on files of artifacts that the server does not hold; returns the bytes of them.

    Real wandb leaves them in its data folder, not with the run.
    """
    kept = Kept.read(run_dir, server)
    held = {file.path for file in kept.receipt.files} if kept is not None else set()
    catalogue = Catalogue.of_run(run_dir, frames)
    catalogue.refresh(some=lambda path, size: False)
    known = held | catalogue.missing.keys()
    named = {file.path: file for file in artifact_files(run_dir, frames)}
    here = [file for path, file in named.items() if path not in known]
    inside = f"{run_dir.artifacts}{os.sep}"
    places = [next(filter(os.path.exists, file.places), inside) for file in here]
    outside = [place for place in places if not place.startswith(inside)]
    if outside:
        what = f"{len(outside)} files of artifacts lie outside the run folder"
        cure = "sync or export it here: a copy of the folder is without them"
        yield _finding(run_dir, "note", what, some(outside, _NAMED), cure)
    for lacking in catalogue.lacking(held):
        yield _finding(run_dir, "warning", lacking.what, "", lacking.do)
    return sum(file.size for file in here)


def _rights(run_dir: RunDir) -> Iterator[Finding]:
    if not os.access(run_dir.journal, os.R_OK):
        owner = run_dir.journal.stat().st_uid
        evidence = f"{run_dir.journal.name} belongs to user {owner}, this is {_user()}"
        cure = f"ask the owner, or: chmod u+r {run_dir.journal}"
        yield _finding(run_dir, "error", "the journal may not be read", evidence, cure)
    elif not os.access(run_dir.path, os.W_OK):
        owner = run_dir.path.stat().st_uid
        what = "the folder is read-only: it is sent, but no receipt can be kept in it"
        evidence = f"it belongs to user {owner}, this is {_user()}"
        yield _finding(run_dir, "note", what, evidence, "every sync asks about it again")


def _user() -> str:
    return f"user {os.getuid()}" if hasattr(os, "getuid") else "another"


def _left_over(run_dir: RunDir) -> Iterator[Finding]:
    """What a repair left that was broken off: nothing hangs on it."""
    for path in run_dir.path.glob(f".{run_dir.journal.name}*"):
        if path.suffix in (".repair", ".part"):

            def fix(path: Path = path) -> str:
                path.unlink(missing_ok=True)
                return f"removed {path}"

            what = "a repair was broken off; the journal is as it was"
            yield Finding(_SUBJECT, "note", what, path.name, f"rm {path}", run_dir.path, fix)


def _why_pending(
    run_dir: RunDir, server: str, pending: Pending, unsent: Unsent | None, of_artifacts: int
) -> Iterator[Finding]:
    if of_folder(run_dir.path) is None:
        what = "the folder is not named as W&B names run folders"
        cure = "name it or a folder above when you sync"
        yield _finding(run_dir, "note", what, str(run_dir.path), cure)
    if not is_pending(run_dir, server, Wishes()):
        pending.synced.append(run_dir)
        return
    gone = deletion(run_dir, server)
    if gone is not None:
        pending.deleted += 1
        yield of_deletion(run_dir, gone)
        return
    pending.runs += 1
    if unsent is not None:
        pending.unsent.append(unsent)
    pending.size += run_dir.journal.stat().st_size + _size_of_files(run_dir) + of_artifacts
    kept, other = Kept.read(run_dir, server), Kept.read(run_dir)
    if kept is not None:
        why = "something changed since it was confirmed, or its writer ended"
    elif other is not None:
        why = f"it was confirmed by {other.server} only"
    elif run_dir.synced_marker.exists():
        why = "W&B's tools marked it as synced; this server has not confirmed it"
    else:
        why = "it was never sent, or not to its end"
    yield _finding(run_dir, "note", "pending", why, f"holdfast sync {run_dir.path}")


def of_deletion(run_dir: RunDir, said: HoldfastError) -> Finding:
    """The finding for a run of which the server says, or said, that somebody deleted it."""
    cure = f"holdfast sync --again {run_dir.path} brings it back; else remove the folder"
    return _finding(run_dir, "note", "deleted on the server", said.what, cure)


def _size_of_files(run_dir: RunDir) -> int:
    total = 0
    for folder, _, names in os.walk(run_dir.files):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except OSError:
                continue  # a link to nothing: not sent either
    return total


def _finding(
    run_dir: RunDir, severity: Severity, what: str, evidence: str = "", cure: str = ""
) -> Finding:
    return Finding(_SUBJECT, severity, what, evidence, cure, run_dir.path)
