"""The spool: what a relay has taken, as run folders that a watcher forwards.

    SPOOL/owner.json                      whose it is (`owner`)
    SPOOL/runs/ID-ADDRESS/address.json    where the run goes
    SPOOL/runs/ID-ADDRESS/run.wandb       the journal, whole frames in order
    SPOOL/runs/ID-ADDRESS/files/          the files, links to blobs
    SPOOL/runs/ID-ADDRESS/receipt-given   its sender has the server's receipt for all of it
    SPOOL/blobs/                          bytes by digest

Owns these names and the order of writes: bytes before names, both durable before the answer. How
far a journal reaches is read from the journal itself. No name of a sender becomes a name of a
folder. Must not know HTTP, nor the server.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import (
    HoldfastError,
    RefusedError,
    UnconfirmedError,
)
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.journal import Frame, Reader, scan_payloads
from holdfast.records.decode import kind
from holdfast.rundir import RunDir, WriterState
from holdfast.rundir.durable import sync_folder
from holdfast.sync.context import Wishes
from holdfast.sync.receipts import Sight
from holdfast.sync.relay.blobs import Blobs, check_size, place, told, write_at, write_whole
from holdfast.sync.relay.owner import read_said, take
from holdfast.wire import Claim, FileEntry, JournalPath, journal_id
from holdfast.wire.digests import digest_of_file
from holdfast.wire.paths import check_journal_id

__all__ = ["Spool"]

_ADDRESS, _JOURNAL = "address.json", "run.wandb"
_SILENT_SECONDS = 150.0
_GIVEN_UP_SECONDS = 7 * 86400.0


@dataclass(eq=False)
class _Held:
    """One journal in the spool; ``position`` is None until the file was read."""

    of: JournalPath
    run_dir: RunDir
    position: int | None = None
    proven: bool = False
    offered: bool = False
    writer: str = "unknown"
    claimed: bool = False
    answered: bool = False
    heard_at: float = -1e9
    lock: threading.RLock = field(default_factory=threading.RLock)


class Spool:
    """A spool folder, taken by this process alone. May be called from several threads.

    It is a source of runs for `sync.watch`: a run appears when its first frames are there.

    Args:
        folder: made when it is not there.
        clock: seconds that only grow.

    Raises:
        StorageError: it cannot be made or read, or another relay works in it.
    """

    lasting = True
    error: HoldfastError | None = None

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.blobs = Blobs(folder / "blobs")
        self._runs = folder / "runs"
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[JournalPath, _Held] = {}
        self._by_run: dict[RunDir, _Held] = {}
        with told(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._runs.mkdir(mode=0o700, exist_ok=True)
            (folder / "blobs").mkdir(mode=0o700, exist_ok=True)
            self._taken = take(folder)
            self._load()

    def close(self) -> None:
        """Let another process work in it."""
        os.close(self._taken)

    # Taking.

    def position(self, of: JournalPath) -> int:
        """How far a journal is held; 0 for one that is not."""
        held = self._held.get(of)
        return 0 if held is None else self._reach(held)

    def append(self, of: JournalPath, start: int, data: bytes, writer: str) -> int:
        """Take the bytes of a journal from ``start`` on, up to the last whole frame among them.

        Returns:
            The position now; what lies before it is durable.

        Raises:
            RefusedError: 409 ``position_mismatch``, 422 ``invalid`` for no whole frame.
            StorageError: the disk said no; nothing was taken.
        """
        end = start
        if data:
            found = scan_payloads(data, start)
            if not found.payloads:
                raise RefusedError(
                    f"the {len(data)} bytes from {start} on hold no whole frame",
                    "send whole frames",
                    status=422,
                    code="invalid",
                )
            end = found.end
        held = self._held.get(of)
        if held is None:
            if start:
                raise _not_there(0)
            if not data:
                return 0
            held = self._create(of)
        with held.lock:
            if self._held.get(of) is not held:
                raise _not_there(0)  # it was removed a moment ago
            at = self._reach(held)
            if start != at:
                raise _not_there(at)
            if data:
                self._unanswer(held)
                held.position = None  # should the write fail, the file says how far it reaches
                with told(held.run_dir.journal):
                    write_at(held.run_dir.journal, start, data[: end - start])
                held.position = end
            self._hear(held, writer, claimed=False)
        return end

    def name_files(self, of: JournalPath, files: Sequence[FileEntry]) -> list[str]:
        """Put the files whose bytes are there in their places; the digests of the others."""
        held = self._known(of)
        missing, folders = set(), set()
        with held.lock:
            if self._known(of) is not held:
                raise _unknown(of)  # it was removed a moment ago, and comes again
            for entry in files:
                blob = self.blobs.find(entry.digest)
                path = held.run_dir.files / entry.path
                with told(path):
                    try:
                        new = blob is not None and self._name(held, path, blob, entry)
                    except FileNotFoundError:  # dropped a moment ago
                        blob = None
                if blob is None:
                    missing.add(entry.digest)
                elif new:
                    folders.update({path.parent, *path.parent.parents} - {*self._runs.parents})
        for folder in sorted(folders, reverse=True):
            with told(folder):
                sync_folder(folder)
        if folders:
            self.stir(held.run_dir)
        return sorted(missing)

    def _name(self, held: _Held, path: Path, blob: Path, entry: FileEntry) -> bool:
        """Whether a blob was not the file before that it is now."""
        check_size(blob, entry)
        new = place(held.run_dir.files, path, blob)
        if new:
            self._unanswer(held)
        return new

    def stir(self, run_dir: RunDir) -> None:
        """Let whoever follows the run look at all of it again."""
        with told(run_dir.journal):
            os.utime(run_dir.journal)

    def stir_run(self, run: RunPath) -> None:
        """As `stir`, of all journals of a run."""
        with self._lock:
            found = [held.run_dir for of, held in self._held.items() if of.run == run]
        for run_dir in found:
            self.stir(run_dir)

    def check(self, of: JournalPath, claim: Claim) -> RunDir:
        """Compare a claim with what is held; its run folder when they agree.

        Raises:
            RefusedError: 404 ``not_found``; 409 ``claim_mismatch`` when they differ; 422
                ``invalid`` when the journal is not the one that its id says.
        """
        held = self._known(of)
        with held.lock:
            position = self._reach(held)
            digest = _digest(held.run_dir.journal, position)
            files = sum(len(names) for _, _, names in os.walk(held.run_dir.files))
            proven = held.proven or self._prove(held)
        same = (position, digest) == (claim.position, claim.digest)
        if not same or claim.files > files:
            raise RefusedError(
                "the claim is not what the relay holds",
                "send what is missing, then claim again",
                status=409,
                code="claim_mismatch",
                detail={"position": position, "digest": digest, "files": files, "missing": []},
            )
        if not proven:
            raise RefusedError(
                f"the journal is not {of.journal}: its first run record has another digest",
                "report it: the sender named the wrong journal",
                status=422,
                code="invalid",
            )
        self._hear(held, claim.writer, claimed=True)
        return held.run_dir

    # Letting go.

    def holds(self, of: JournalPath) -> bool:
        """Whether anything of a journal is here."""
        return of in self._held

    def answer(self, of: JournalPath) -> None:
        """Its sender is about to be given the server's receipt, and needs nothing more."""
        held = self._held.get(of)
        if held is None:
            return  # it was removed a moment ago: the receipt holds all the same
        with held.lock, told(held.run_dir.path):
            _answered_mark(held.run_dir).touch()
            held.answered = True

    def settled(self) -> list[RunDir]:
        """The runs whose senders have their receipts, or were not heard of since a week."""
        with self._lock:
            every = list(self._held.values())
        return [held.run_dir for held in every if held.answered or _is_old(held.run_dir.receipt)]

    def remove(self, run_dir: RunDir, before: Sight, digests: Iterable[str]) -> None:
        """Remove a run, and those of these blobs that are no other's.

        Args:
            run_dir: the run.
            before: how it looked when it was proven to be at the server.
            digests: of its files.

        Raises:
            UnconfirmedError: more of it came meanwhile.
            StorageError: the disk said no.
        """
        held = self._by_run[run_dir]
        gone = run_dir.path.with_name(f".{run_dir.path.name}.gone")
        with held.lock, told(run_dir.path):
            shutil.rmtree(gone, ignore_errors=True)  # left by a disk that said no
            if Sight.of(run_dir) != before:
                raise UnconfirmedError(f"more of {held.of.run} came meanwhile")
            with self._lock:
                os.replace(run_dir.path, gone)  # in one step; a rest is removed at the next start
                del self._held[held.of]
        with told(gone):
            shutil.rmtree(gone)
            for digest in digests:
                self.blobs.drop(digest)

    def _unanswer(self, held: _Held) -> None:
        """Its sender has more: it needs another receipt."""
        if held.answered:
            held.answered = False
            with told(held.run_dir.path):
                _answered_mark(held.run_dir).unlink(missing_ok=True)

    # As a source of runs.

    def find(self) -> Iterator[RunDir]:
        """The runs that can be forwarded and were not given out before."""
        with self._lock:
            new = [held for held in self._held.values() if not held.offered]
        for held in new:
            with held.lock:
                held.offered = held.proven or self._prove(held)
            if held.offered:
                yield held.run_dir

    def forget(self, run_dir: RunDir) -> None:
        """A run's folder was removed: should it be sent again, it is taken from its beginning."""
        with self._lock:
            if not run_dir.journal.exists() and (held := self._by_run.pop(run_dir, None)):
                self._held.pop(held.of, None)

    def wishes(self, run_dir: RunDir) -> Wishes:
        """Where its sender said that a run goes."""
        run = self._by_run[run_dir].of.run
        return Wishes(entity=run.entity, project=run.project, run_id=run.run_id)

    def writer(self, run_dir: RunDir) -> WriterState:
        """How its sender said that a run's writer is; a sender that is silent does not know.

        A writer that is gone counts as such when its sender is done too: files come last.
        """
        held = self._by_run.get(run_dir)
        if held is None:
            return "unknown"
        silent = self._clock() - held.heard_at > _SILENT_SECONDS
        if held.writer == "alive" and not silent:
            return "alive"
        if held.writer == "gone" and (silent or held.claimed):
            return "gone"
        return "unknown"

    # Inside.

    def _load(self) -> None:
        for folder in sorted(self._runs.iterdir()):
            if folder.name.startswith("."):
                shutil.rmtree(folder)  # half made and never answered, or half removed
                continue
            said = read_said(folder / _ADDRESS)
            run = RunPath(
                check_entity(said["entity"]),
                check_project(said["project"]),
                check_run_id(said["run_id"]),
            )
            of = JournalPath(run, check_journal_id(said["journal"]))
            held = _Held(of, RunDir(folder / _JOURNAL))
            if _gone_mark(held.run_dir).exists():
                held.writer, held.claimed = "gone", True
            held.answered = _answered_mark(held.run_dir).exists()
            self._held[of] = self._by_run[held.run_dir] = held

    def _create(self, of: JournalPath) -> _Held:
        """Make a run's folder, whole in one step."""
        address = hashlib.sha256(str(of.run).encode()).hexdigest()[:16]
        folder = self._runs / f"{of.journal}-{address}"
        with self._lock, told(folder):
            if of in self._held:
                return self._held[of]
            if not folder.exists():  # or it got its name, and the disk said no to what follows
                fresh = folder.with_name(f".{folder.name}")
                shutil.rmtree(fresh, ignore_errors=True)  # left by a disk that said no
                fresh.mkdir(mode=0o700)
                (fresh / "files").mkdir()
                said = {**of.run._asdict(), "journal": of.journal}
                write_whole(fresh / _ADDRESS, json.dumps(said, indent=1).encode())
                write_at(fresh / _JOURNAL, 0, b"")
                sync_folder(fresh)
                os.replace(fresh, folder)
            sync_folder(self._runs)
            held = _Held(of, RunDir(folder / _JOURNAL), position=0)
            self._held[of] = self._by_run[held.run_dir] = held
        return held

    def _known(self, of: JournalPath) -> _Held:
        held = self._held.get(of)
        if held is None:
            raise _unknown(of)
        return held

    def _reach(self, held: _Held) -> int:
        """How far a journal reaches: the end of the last whole frame in the file."""
        with held.lock:
            if held.position is None:
                with told(held.run_dir.journal), held.run_dir.journal.open("rb") as file:
                    reader = Reader(file)
                    for _ in reader:
                        pass
                    held.position = reader.position
            return held.position

    def _prove(self, held: _Held) -> bool:
        """Whether the journal is the one that its id says, as far as can be told by now."""
        first = named = b""
        with told(held.run_dir.journal), held.run_dir.journal.open("rb") as file:
            for item in Reader(file):
                if isinstance(item, Frame):
                    first = first or item.payload
                    if kind(item.payload) == "run":
                        named = item.payload
                        break
        held.proven = bool(first) and journal_id(named or first) == held.of.journal
        return held.proven

    def _hear(self, held: _Held, writer: str, *, claimed: bool) -> None:
        before = held.writer, held.claimed
        held.writer, held.claimed, held.heard_at = writer, claimed, self._clock()
        if before != (writer, claimed):
            with contextlib.suppress(OSError):  # a hint for the next start: else silence tells
                if writer == "gone" and claimed:
                    _gone_mark(held.run_dir).touch()
                else:
                    _gone_mark(held.run_dir).unlink(missing_ok=True)


def _gone_mark(run_dir: RunDir) -> Path:
    return run_dir.path / "writer-gone"


def _answered_mark(run_dir: RunDir) -> Path:
    return run_dir.path / "receipt-given"


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _GIVEN_UP_SECONDS
    except OSError:  # there is none
        return False


def _digest(path: Path, size: int) -> str:
    with told(path), path.open("rb") as file:
        return digest_of_file(file.fileno(), size)[0]


def _unknown(of: JournalPath) -> RefusedError:
    return RefusedError(
        f"no journal {of.journal} of run {of.run}",
        "send its bytes first",
        status=404,
        code="not_found",
    )


def _not_there(position: int) -> RefusedError:
    return RefusedError(
        f"the chunk does not start at {position}, where the relay stands",
        f"send from byte {position} on",
        status=409,
        code="position_mismatch",
        detail={"position": position},
    )
