"""Receipts: is what the server says it holds what lies on disk, and what is kept of the answer.

Owns the comparison, the receipt file beside the journal (which also says that a run was deleted on
the server), and what makes a run pending. Must not
know how bytes were sent.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from holdfast.errors import HoldfastError, RefusedError, StorageError
from holdfast.rundir import RunDir, read_receipt, write_receipt, writer_of
from holdfast.sync.context import Wishes
from holdfast.sync.files import Catalogue, fingerprint
from holdfast.sync.survey import Survey
from holdfast.wire import Claim, FileEntry, Receipt

__all__ = [
    "Kept",
    "Sight",
    "claim_of",
    "deletion",
    "differences",
    "is_deletion",
    "is_pending",
    "keep",
    "noting_deletion",
]

_FORMAT = 1


@dataclass(frozen=True)
class Sight:
    """How a run folder looked before it was read: cheap to take, and different after any change."""

    size: int
    mtime_ns: int
    files: str

    @classmethod
    def of(cls, run_dir: RunDir) -> Sight:
        """Look now; StorageError when the journal is not there."""
        try:
            found = os.stat(run_dir.journal)
        except OSError as error:
            raise StorageError(
                f"cannot read {run_dir.journal}: {error.strerror or error}", "check the folder"
            ) from error
        return cls(found.st_size, found.st_mtime_ns, fingerprint(run_dir))


@dataclass(frozen=True)
class Kept:
    """A receipt as it was kept beside the journal, with what it was given for."""

    server: str
    sight: Sight
    writer: str
    receipt: Receipt

    @classmethod
    def read(cls, run_dir: RunDir, server: str = "") -> Kept | None:
        """The receipt of this server, of any if it is empty; None when none can be read."""
        found = read_receipt(run_dir)
        if not found or found.get("format") != _FORMAT:
            return None
        try:
            by = str(found["server"])
            if server and by != server:
                return None
            sight = Sight(int(found["size"]), int(found["mtime_ns"]), str(found["files"]))
            return cls(by, sight, str(found["writer"]), Receipt.from_json(found["receipt"]))
        except (KeyError, TypeError, ValueError, RefusedError):
            return None  # a hint only: the run counts as pending and is looked at again

    def fits(self, run_dir: RunDir, wishes: Wishes) -> bool:
        """Whether it was given for what lies there now, as the run that is wished."""
        try:
            if self.sight != Sight.of(run_dir):
                return False
        except StorageError:
            return False  # the sync of this run will say what is wrong with it
        run = self.receipt.run
        wished = (wishes.entity, wishes.project, wishes.run_id)
        held = (run.entity, run.project, run.run_id)
        if any(want and want != have for want, have in zip(wished, held, strict=True)):
            return False
        return self.receipt.complete or self.writer == writer_of(run_dir)


def keep(run_dir: RunDir, kept: Kept) -> None:
    """Write the receipt beside the journal; StorageError when that fails."""
    write_receipt(
        run_dir,
        {
            "format": _FORMAT,
            "server": kept.server,
            "size": kept.sight.size,
            "mtime_ns": kept.sight.mtime_ns,
            "files": kept.sight.files,
            "writer": kept.writer,
            "receipt": kept.receipt.to_json(),
        },
    )


def is_deletion(error: BaseException) -> bool:
    """Whether the server says that the run was deleted."""
    return isinstance(error, RefusedError) and error.code == "run_deleted"


@contextlib.contextmanager
def noting_deletion(run_dir: RunDir, server: str, wishes: Wishes) -> Iterator[None]:
    """Put down beside the journal, in the receipt's place, that the server says so."""
    try:
        yield
    except RefusedError as error:
        if is_deletion(error) and wishes.mark:
            note = {"format": _FORMAT, "server": server, "deleted": error.what, "do": error.do}
            with contextlib.suppress(StorageError):  # a note for `status`: the server is asked anew
                write_receipt(run_dir, note)
        raise


def deletion(run_dir: RunDir, server: str) -> HoldfastError | None:
    """What this server said last, if it was that the run was deleted."""
    found = read_receipt(run_dir) or {}
    if found.get("server") != server or not isinstance(found.get("deleted"), str):
        return None
    return HoldfastError(found["deleted"], str(found.get("do", "")))


def is_pending(run_dir: RunDir, server: str, wishes: Wishes) -> bool:
    """Whether a run has anything that this server did not confirm.

    W&B's own marker proves nothing. A run whose writer has ended since without an ``exit`` record
    is pending too: the server has to hear of it.
    """
    kept = Kept.read(run_dir, server)
    return kept is None or not kept.fits(run_dir, wishes)


def claim_of(survey: Survey, catalogue: Catalogue, writer: str) -> Claim:
    """What lies on disk, the digest read from there now."""
    return Claim(
        size=survey.size,
        position=survey.position,
        digest=survey.digest(survey.position),
        torn=survey.torn,
        files=len(catalogue.entries),
        writer=writer,
    )


def differences(
    receipt: Receipt,
    claim: Claim,
    records: Mapping[str, int],
    files: Sequence[FileEntry],
) -> list[str]:
    """Where a receipt is not what lies on disk, a phrase for each; empty when they agree."""
    found = []
    if receipt.position != claim.position:
        found.append(f"journal bytes {receipt.position} of {claim.position}")
    elif receipt.digest != claim.digest:
        found.append("the journal's digest")
    found += _unlike(
        {name: count for name, count in records.items() if count},
        {name: count for name, count in receipt.records.items() if count},
    )
    # Files that were removed here since they were sent stay there; that is no difference.
    held = {entry.path: entry for entry in receipt.files}
    wrong = [entry.path for entry in files if held.get(entry.path) != entry]
    if wrong:
        found.append(f"{len(wrong)} files ({wrong[0]}…)")
    return found


def _unlike(ours: Mapping[str, int], theirs: Mapping[str, int]) -> list[str]:
    """A phrase for each kind of which the two count different numbers of records.

    A kind that only one of the two programs knows is among the unknown ones of the other.
    """
    both = (ours.keys() & theirs.keys()) - {"unknown"}
    wrong = {name for name in both if ours[name] != theirs[name]}
    others = (ours.keys() | theirs.keys()) - both
    if sum(ours.get(name, 0) for name in others) != sum(theirs.get(name, 0) for name in others):
        wrong |= others
    return [
        f"{name} records {theirs.get(name, 0)} of {ours.get(name, 0)}" for name in sorted(wrong)
    ]
