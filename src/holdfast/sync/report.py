"""What sync tells about its work: events while it runs, one outcome for each run.

Owns the words for how a run fared. Must not know how they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from holdfast.errors import HoldfastError
from holdfast.rundir import RunDir
from holdfast.wire import Receipt

__all__ = ["Outcome", "Reporter", "State", "defect", "error_json", "some"]

State = Literal["confirmed", "running", "partial", "sent", "empty", "deleted", "failed"]
"""confirmed: all of it is proven to be there; running: all up to now is, and more will come;
partial: all is but the files that were left out on wish; sent: it went out and no receipt was asked
for; empty: nothing was written yet; deleted: somebody deleted it on the server, see the error, and
it stays here; failed: see the error."""


class Reporter(Protocol):
    """Hears what sync does, from several threads."""

    def expect(self, run_dir: RunDir, size: int) -> None:
        """So many more bytes of a run are to be sent."""
        ...

    def advance(self, run_dir: RunDir, size: int) -> None:
        """So many bytes are there, because they were sent or were there already."""
        ...

    def say(self, line: str) -> None:
        """Something a reader should know now: a wait, a file that is left out."""
        ...


@dataclass
class Outcome:
    """How one run fared.

    Attributes:
        run: ``entity/project/id`` once it is known, else empty.
        url: where a browser sees it; empty when unknown.
        rows: rows of history, by the receipt if there is one, else records of history on disk.
        records: records on disk by kind.
        gaps: stretches of the journal that no frame covers.
        files: how many files the run folder has.
        sent: bytes of journal and files that went out.
        notes: lines about what is not an error.
        trace: the traceback when the error is a defect of Holdfast.
    """

    run_dir: RunDir
    state: State = "failed"
    run: str = ""
    url: str = ""
    rows: int = 0
    records: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[tuple[int, int], ...] = ()
    files: int = 0
    sent: int = 0
    receipt: Receipt | None = None
    error: HoldfastError | None = None
    notes: list[str] = field(default_factory=list)
    trace: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing of this run is left to do or to worry about now."""
        return self.state not in {"failed", "deleted"}

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this outcome."""
        return {
            "path": str(self.run_dir.path),
            "run": self.run,
            "url": self.url,
            "state": self.state,
            "rows": self.rows,
            "records": dict(self.records),
            "gaps": [list(gap) for gap in self.gaps],
            "files": self.files,
            "sent": self.sent,
            "receipt": self.receipt.to_json() if self.receipt else None,
            "error": error_json(self.error),
            "notes": self.notes,
        }


def error_json(error: HoldfastError | None) -> dict[str, Any] | None:
    """The JSON object of an error, wherever a command tells one to programs; None for none."""
    if error is None:
        return None
    return {
        "kind": type(error).__name__,
        "message": error.what,
        "do": error.do,
        "exit_code": error.exit_code,
    }


def defect(error: BaseException) -> HoldfastError:
    """What is said of an exception that nobody foresaw; its traceback is for the report."""
    said = f"{type(error).__name__}: {error}"
    return HoldfastError(f"a defect of Holdfast ({said})", "please report it")


def some(words: Sequence[str], most: int) -> str:
    """The first few of them, and how many more there are.

    >>> some(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
