"""The spool: what a relay has taken, as run folders that a watcher forwards.

    SPOOL/owner.json                      whose it is, and the server's first answer
    SPOOL/runs/ID-ADDRESS/address.json    where the run goes
    SPOOL/runs/ID-ADDRESS/run.wandb       the journal, whole frames in order
    SPOOL/runs/ID-ADDRESS/files/          the files, links to blobs
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
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, RefusedError, StorageError, UsageError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.journal import Frame, Reader, scan_payloads
from holdfast.records.decode import kind
from holdfast.rundir import RunDir, WriterState
from holdfast.rundir.durable import sync_folder
from holdfast.sync.context import Wishes
from holdfast.sync.relay.blobs import Blobs, told, write_at, write_whole
from holdfast.wire import Claim, FileEntry, JournalPath, Viewer, journal_id
from holdfast.wire.digests import digest_of_file
from holdfast.wire.paths import check_journal_id

if sys.platform != "win32":
    import fcntl

__all__ = ["Spool"]

_ADDRESS, _JOURNAL, _OWNER = "address.json", "run.wandb", "owner.json"
_SILENT_SECONDS = 150.0


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
            self._taken = _take(folder)
            self._load()

    def close(self) -> None:
        """Let another process work in it."""
        os.close(self._taken)

    # Whose it is.

    def admit(self, server: str, key: str, viewer: Viewer | None) -> Viewer | None:
        """Whether a key's runs may lie here; remembers the server's answer.

        Args:
            server: its address.
            key: the key; only its digest is kept.
            viewer: what the server answered to it, or None when it did not.

        Returns:
            The answer, now or as it was remembered for the same server and key; None when neither.

        Raises:
            UsageError: runs of another user, or for another server, lie here.
            StorageError: it cannot be kept.
        """
        path = self.folder / _OWNER
        owner = _read(path) if path.exists() else None
        secret = hashlib.sha256(key.encode()).hexdigest()
        before = Viewer.from_json(owner["viewer"]) if owner is not None else None
        if owner is not None and owner.get("server") != server:
            raise UsageError(f"{self.folder} holds runs for {owner.get('server')}", _OTHER)
        if viewer is None:
            return before if owner is not None and owner.get("key") == secret else None
        if before is not None and before.user != viewer.user:
            raise UsageError(f"{self.folder} holds runs of the user {before.user}", _OTHER)
        said = {"server": server, "key": secret, "viewer": viewer.to_json()}
        with told(path):
            write_whole(path, json.dumps(said, indent=1).encode())
            sync_folder(self.folder)
        return viewer

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
            at = self._reach(held)
            if start != at:
                raise _not_there(at)
            if data:
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
            for entry in files:
                blob = self.blobs.find(entry.digest)
                if blob is None:
                    missing.add(entry.digest)
                    continue
                path = held.run_dir.files / entry.path
                with told(path):
                    _check_size(blob, entry)
                    if _place(held.run_dir.files, path, blob):
                        folders.update({path.parent, *path.parent.parents} - {*self._runs.parents})
        for folder in sorted(folders, reverse=True):
            with told(folder):
                sync_folder(folder)
        if folders:
            self.stir(held.run_dir)
        return sorted(missing)

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
            held = self._by_run.pop(run_dir, None)
            if held is not None:
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
                shutil.rmtree(folder)  # never answered: its name was not there yet
                continue
            said = _read(folder / _ADDRESS)
            run = RunPath(
                check_entity(said["entity"]),
                check_project(said["project"]),
                check_run_id(said["run_id"]),
            )
            of = JournalPath(run, check_journal_id(said["journal"]))
            held = _Held(of, RunDir(folder / _JOURNAL))
            if _gone_mark(held.run_dir).exists():
                held.writer, held.claimed = "gone", True
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
            raise RefusedError(
                f"no journal {of.journal} of run {of.run}",
                "send its bytes first",
                status=404,
                code="not_found",
            )
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


_OTHER = "give another folder with --spool: a spool is one user's, for one server"


def _take(folder: Path) -> int:
    """Hold the spool for this process until it ends, however it does."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise StorageError(
                f"another relay works in {folder}", "stop it, or give another --spool"
            ) from error
        except OSError:  # a filesystem without locks: nothing can be said
            pass
    return fd


def _gone_mark(run_dir: RunDir) -> Path:
    return run_dir.path / "writer-gone"


def _place(root: Path, path: Path, blob: Path) -> bool:
    """Give a blob the name of a file; False when it has it. What is in the way is no file now."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if os.path.samestat(os.stat(path), os.stat(blob)):
            return False
    for folder in [*path.parents][: len(path.relative_to(root).parts) - 1]:
        if folder.is_file():
            folder.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    fresh = root.parent / f".place.{threading.get_ident()}"
    fresh.unlink(missing_ok=True)
    try:
        os.link(blob, fresh)
    except OSError:  # a filesystem without links
        shutil.copyfile(blob, fresh)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
    os.replace(fresh, path)
    return True


def _check_size(blob: Path, entry: FileEntry) -> None:
    if blob.stat().st_size != entry.size:
        raise RefusedError(
            f"{entry.path[:200]} has another size than its bytes",
            "sync again",
            status=422,
            code="invalid",
        )


def _digest(path: Path, size: int) -> str:
    with told(path), path.open("rb") as file:
        return digest_of_file(file.fileno(), size)[0]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path} ({error})", "restore it") from error
    if not isinstance(found, dict):
        raise StorageError(f"{path} is not what a relay wrote", "restore it")
    return found


def _not_there(position: int) -> RefusedError:
    return RefusedError(
        f"the chunk does not start at {position}, where the relay stands",
        f"send from byte {position} on",
        status=409,
        code="position_mismatch",
        detail={"position": position},
    )
