"""Writing a clean journal from what can be read of a damaged one, and from `files/`.

Owns what is kept, what counts as lost, and what the clean journal says of itself
(docs/decisions/0017-a-repaired-journal-is-a-new-one.md). Must not know how the journals change
places (`rundir` does), nor how anything is shown.
"""

from __future__ import annotations

import contextlib
import os
import platform
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, StorageError, UnconfirmedError
from holdfast.journal import HEADER, Frame, Gap, Reader, Writer
from holdfast.records import encode
from holdfast.records.decode import history_row, kind, parse
from holdfast.records.repaired import note_repair
from holdfast.records.replay import Replay
from holdfast.rundir import (
    RunDir,
    boot_id,
    read_spec,
    writer_of,
)
from holdfast.rundir.quarantine import fresh_journal, replace_journal
from holdfast.sync.receipts import Kept
from holdfast.sync.report import Reporter, defect, error_json
from holdfast.sync.salvage import Salvage, runtime_since, salvage, start_by_name
from holdfast.sync.survey import Survey

__all__ = ["Lost", "Repaired", "repair_run"]

_AT_ONCE = 20_000
_COPY_BYTES = 1 << 20
#: real `wandb sync` reads nothing behind these, but wandb to 0.17 wrote rows there
_LAST = ("exit", "final", "footer")


@dataclass(frozen=True)
class Lost:
    """Bytes of the journal that could not be read.

    Args:
        start, end: from the start of the damaged journal. why: what is wrong at ``start``.
        after: step of the last row before, None when there is none. before: of the first behind.
    """

    start: int
    end: int
    why: str
    after: int | None = None
    before: int | None = None


@dataclass
class Repaired:
    """How the repair of one run went.

    Attributes:
        changed: a clean journal stands in the place of the damaged one (or would, in a dry run).
        rows: kept. frames: kept. lost: what could not be read of the journal.
        torn: bytes after its last whole frame. dropped: frames that check and are no records.
        recovered: a line for each thing that came from `files/`. unread: for what could not.
        original: where the damaged journal lies now; None when there was none.
    """

    run_dir: RunDir
    changed: bool = False
    rows: int = 0
    frames: int = 0
    lost: list[Lost] = field(default_factory=list)
    torn: int = 0
    dropped: int = 0
    recovered: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    original: Path | None = None
    error: HoldfastError | None = None
    trace: str = ""

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this repair."""
        return {
            "path": str(self.run_dir.path),
            "changed": self.changed,
            "rows": self.rows,
            "frames": self.frames,
            "lost": [vars(one) for one in self.lost],
            "torn": self.torn,
            "dropped": self.dropped,
            "recovered": self.recovered,
            "unread": self.unread,
            "original": str(self.original) if self.original else None,
            "error": error_json(self.error),
        }


def repair_run(run_dir: RunDir, report: Reporter, *, dry_run: bool = False) -> Repaired:
    """Repair one run; never raises.

    A run whose writer is alive, or may be, is left alone, and so is one that is whole.

    Args:
        run_dir: the run; its journal may be gone.
        report: hears how many bytes there are to read, and how many were.
        dry_run: only say what would be done.
    """
    repaired = Repaired(run_dir)
    try:
        _repair(run_dir, report, repaired, dry_run=dry_run)
    except HoldfastError as error:
        repaired.error = error
    except Exception as error:  # noqa: BLE001 - one bad run must not stop the others: it is told
        repaired.error = defect(error)
        repaired.trace = traceback.format_exc()
    return repaired


def _repair(run_dir: RunDir, report: Reporter, repaired: Repaired, *, dry_run: bool) -> None:
    there = os.path.lexists(run_dir.journal)
    writer = writer_of(run_dir) if there else "gone"
    if writer == "alive":
        raise _refused(run_dir, "is alive")
    read = _Readable(run_dir.journal if there else None)
    report.expect(run_dir, read.size)
    read.all()
    _tell_tail(run_dir, read)
    report.advance(run_dir, read.size)
    repaired.rows, repaired.frames = read.replay.rows, read.frames
    repaired.lost, repaired.torn = read.lost, read.torn
    repaired.dropped = read.replay.unreadable
    if not read.damaged and not read.torn:
        return
    if writer != "gone":
        raise _refused(run_dir, "may be alive: the journal was just written")
    repaired.changed = True
    if read.damaged:
        found = salvage(run_dir, read.replay)
        repaired.recovered, repaired.unread = found.told, found.unread
        if not dry_run:
            _write(fresh_journal(run_dir), _clean(run_dir, read, found))
    elif not dry_run:
        # Without its torn tail it is the same journal still, by its bytes and its id.
        _copy(run_dir.journal, read.size - read.torn, fresh_journal(run_dir))
    if not dry_run:
        repaired.original = replace_journal(run_dir)


def _tell_tail(run_dir: RunDir, read: _Readable) -> None:
    """A tail that a server has confirmed was whole once: then it is damage, and no torn tail."""
    kept = Kept.read(run_dir)
    end = read.size - read.torn
    if kept is not None and read.torn and kept.receipt.position > end:
        why = f"it was whole when {kept.server} confirmed it"
        read.lost.append(Lost(end, read.size, why, read.replay.last_step))
        read.torn = 0


def _refused(run_dir: RunDir, how: str) -> UnconfirmedError:
    return UnconfirmedError(
        f"the writer of {run_dir.path} {how}", "repair it when it has ended, or in 5 minutes"
    )


class _Readable:
    """What can be read of a journal.

    Attributes:
        size: bytes of the file. frames: that check. torn: bytes after the last of them.
        lost: gaps, with the rows on both sides. replay: of the records.
        run_record: the first one's payload. timed_row: the first of the history with ``_runtime``.
    """

    def __init__(self, journal: Path | None) -> None:
        self.size = journal.stat().st_size if journal is not None else 0
        self.frames = self.torn = 0
        self.lost: list[Lost] = []
        self.replay = Replay()
        self.run_record: bytes | None = None
        self.timed_row: dict[str, Any] = {}
        self._journal = journal
        self._waiting: list[Gap] = []
        self._after: int | None = None

    @property
    def damaged(self) -> bool:
        """Whether more is wrong than a torn tail."""
        return bool(self.lost or self.replay.unreadable or self.run_record is None)

    def all(self) -> None:
        """Read it once through."""
        portion: list[bytes] = []
        end = 0
        for item in self._items():
            end = item.end
            if isinstance(item, Gap):
                self._apply(portion)
                portion = []
                self._waiting.append(item)
                self._after = self.replay.last_step
                continue
            self._meet(item.payload)
            portion.append(item.payload)
            if len(portion) == _AT_ONCE:
                self._apply(portion)
                portion = []
        self._apply(portion)
        self._settle(None)
        self.torn = self.size - end
        if not self.frames:
            begin = min(self.size, len(HEADER)) if self._is_bare() else 0
            self.lost = [Lost(begin, self.size, "nothing in it can be read")]
            self.torn = 0

    def payloads(self) -> Iterator[bytes]:
        """The payloads of all frames that hold a record, in order."""
        doubtful = self.replay.unreadable > 0
        for item in self._items():
            if isinstance(item, Frame) and not (doubtful and _record_in(item.payload) is None):
                yield item.payload

    def _items(self) -> Iterator[Frame | Gap]:
        if self._journal is None:
            return
        try:
            with self._journal.open("rb") as file:
                yield from Reader(file)
        except OSError as error:
            raise StorageError(
                f"cannot read {self._journal}: {error.strerror or error}",
                "check that it may be read",
            ) from error

    def _is_bare(self) -> bool:
        """Whether nothing was ever written but (a part of) the header."""
        if self._journal is None:
            return True
        with self._journal.open("rb") as file:
            return HEADER.startswith(file.read(len(HEADER) + 1))

    def _meet(self, payload: bytes) -> None:
        self.frames += 1
        name = kind(payload)
        if name == "run" and self.run_record is None and _record_in(payload) is not None:
            self.run_record = payload
        if name == "history" and not self.timed_row:
            record = _record_in(payload)
            row = {} if record is None else history_row(record.history)
            self.timed_row = row if "_runtime" in row else {}

    def _apply(self, portion: list[bytes]) -> None:
        rows = self.replay.apply(portion).rows
        if rows:
            self._settle(rows[0].steps[0])

    def _settle(self, before: int | None) -> None:
        """The gaps that waited for the next row have it, or there is none."""
        self.lost += [
            Lost(gap.start, gap.end, gap.reason, self._after, before) for gap in self._waiting
        ]
        self._waiting.clear()


def _record_in(payload: bytes) -> Any:
    """The record; None where the bytes of a frame are none, though its checksum is right."""
    try:
        return parse(payload)
    except HoldfastError:
        return None


def _clean(run_dir: RunDir, read: _Readable, found: Salvage) -> Iterator[bytes]:
    """The payloads of the clean journal: what was readable, and what was salvaged before the end.

    Its `run` record says which journals it stands for, which also gives it an id of its own.
    """
    gaps = [(one.start, one.end) for one in read.lost if one.start < one.end]  # an empty one has 0
    named = note_repair(read.run_record or _made_up(run_dir, read), _replaced(run_dir), gaps)
    if not read.replay.records["header"]:
        # Who wrote it is not known any more; that this is not being written has to be.
        yield encode.header("holdfast repair", host=platform.node(), boot_id=boot_id())
    last: dict[str, list[bytes]] = {name: [] for name in _LAST}
    waiting = [named]  # for the place of the first run record, or where it should have stood
    for payload in read.payloads():
        name = kind(payload)
        if waiting and (name == "run" or (read.run_record is None and name != "header")):
            yield waiting.pop()
            if name == "run":
                continue
        if name in last:
            last[name].append(payload)
        else:
            yield payload
    yield from waiting
    yield from found.records
    for payloads in last.values():
        yield from payloads


def _made_up(run_dir: RunDir, read: _Readable) -> bytes:
    """A `run` record for a journal that has none: what is known beside it, the receipt best."""
    since = runtime_since(read.timed_row)
    start = since or start_by_name(run_dir)
    info = encode.RunInfo(run_dir.run_id, start_time=start, label=run_dir.label)
    spec = read_spec(run_dir.path.parent) or {}
    if spec.get("run_id") == info.run_id:
        entity, project = (str(spec.get(name) or "") for name in ("entity", "project"))
        info = info._replace(entity=entity, project=project)
    kept = Kept.read(run_dir)
    if kept is not None:
        run = kept.receipt.run
        info = info._replace(run_id=run.run_id, entity=run.entity, project=run.project)
    return encode.run(info, runtime_since=round(since * 1000))


def _replaced(run_dir: RunDir) -> list[str]:
    """The ids under which a server may hold the damaged journal: as it is now, as it once was."""
    ids = []
    if os.path.lexists(run_dir.journal):
        with Survey(run_dir.journal) as survey:
            survey.advance(growing=False)
            if survey.position:
                ids.append(survey.journal)
    kept = Kept.read(run_dir)
    return [*ids, *([kept.receipt.journal] if kept is not None else [])]


def _write(path: Path, payloads: Iterator[bytes]) -> None:
    """Write a journal and make it durable."""
    trouble: list[OSError] = []
    with _told(path):
        try:
            writer = Writer(path, fsync="never", on_error=trouble.append)
        except StorageError as error:
            raise error.__cause__ or error from None
        for payload in payloads:
            writer.append(payload)
            if trouble:
                break
        writer.sync()
        writer.close()
        if trouble:
            raise trouble[0]


def _copy(journal: Path, size: int, path: Path) -> None:
    """Copy the first ``size`` bytes of a journal and make them durable."""
    with _told(path), journal.open("rb") as source, path.open("xb") as target:
        while size > 0 and (data := source.read(min(size, _COPY_BYTES))):
            target.write(data)
            size -= len(data)
        target.flush()
        os.fsync(target.fileno())


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the disk says to writing ``path``, which begins anew and is gone after a failure."""
    try:
        path.unlink(missing_ok=True)  # of an attempt that was broken off
        yield
    except OSError as error:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            path.unlink()
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}",
            "the journal lies as it was; free some space or check the rights",
        ) from error
