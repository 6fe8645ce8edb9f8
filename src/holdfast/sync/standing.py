"""How things stand: what is pending and why, noted by a watcher for others to read.

Owns the note: a small file in a local folder, replaced whole every few seconds, and whether the
process that wrote it still lives. Must not know how it is shown.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError, StorageError
from holdfast.rundir import RunDir, boot_id, is_process, replace_text
from holdfast.sync.context import Wishes
from holdfast.sync.followed import Followed
from holdfast.sync.many import find
from holdfast.sync.receipts import Kept, deletion
from holdfast.sync.watch import Watcher

__all__ = [
    "Note",
    "RunStanding",
    "Standing",
    "read_notes",
    "standing_of",
    "standing_on_disk",
]

_FORMAT = 1
_NAMED = 1000
_FRESH_SECONDS = 60.0


@dataclass(frozen=True)
class RunStanding:
    """One run with something pending.

    Args:
        path: its folder.
        run: ``entity/project/id`` once it is known, else empty.
        state: running, ending, failing, pending or deleted (on the server, by somebody).
        pending: bytes that were not sent, as far as is known.
        since: Unix seconds since when.
        error: why the last try failed, or who deleted it; empty for neither.
        next_try: Unix seconds of the next try; 0 when nothing failed.
    """

    path: str
    run: str
    state: str
    pending: int
    since: float
    error: str = ""
    next_try: float = 0.0


@dataclass(frozen=True)
class Standing:
    """How a number of runs stand.

    Args:
        server: its address.
        paths: which folders are meant.
        states: how many runs there are by state.
        pending: bytes of all runs that were not sent.
        runs: those with something pending, longest first; at most 1,000 are named.
        waits_for: why nothing is sent now, empty for nothing.
        waits_since, next_try: Unix seconds; 0 when nothing is waited for.
        host, boot, pid: of the watcher; empty and 0 when the folders were looked at.
        started, at: Unix seconds when the watcher began, and when this was true.
    """

    server: str
    paths: list[str]
    states: dict[str, int]
    pending: int
    runs: list[RunStanding]
    waits_for: str = ""
    waits_since: float = 0.0
    next_try: float = 0.0
    host: str = ""
    boot: str = ""
    pid: int = 0
    started: float = 0.0
    at: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of it."""
        return {"format": _FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, value: Any) -> Standing | None:
        """Read it; None when it is none, or of another version."""
        try:
            if value.pop("format") != _FORMAT:
                return None
            runs = [RunStanding(**run) for run in value.pop("runs")]
            return cls(runs=runs, **value)
        except (AttributeError, KeyError, TypeError):
            return None  # a note is a hint: one that cannot be read is none

    def covers(self, path: Path) -> bool:
        """Whether a folder is one of these, or lies below one."""
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(one) for one in self.paths)

    @property
    def is_alive(self) -> bool:
        """Whether its watcher lives, as far as can be told: surely on its own machine only."""
        fresh = abs(time.time() - self.at) < _FRESH_SECONDS
        here = self.boot == boot_id() and self.host == platform.node()
        return fresh and (not here or is_process(self.pid))


class Note:
    """The file in which one watcher notes how it stands.

    Args:
        folder: a local folder; it is made.
        server: the server's address.
        paths: what is watched.

    Raises:
        StorageError: it cannot be written.
    """

    def __init__(self, folder: Path, server: str, paths: Sequence[Path]) -> None:
        self._server = server
        self._paths = sorted({os.path.realpath(path) for path in paths})
        self._started = time.time()
        # One name for one job on one machine, so that a watcher that is started again takes over.
        said = json.dumps([platform.node(), server, self._paths])
        self._path = folder / f"watch-{hashlib.sha256(said.encode()).hexdigest()[:16]}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot(folder, error) from error

    def write(self, watcher: Watcher) -> None:
        """Note how the watcher stands.

        Raises:
            StorageError: it cannot be written.
        """
        outage = watcher.outage
        next_try = 0.0 if outage.error is None else _on_the_clock(outage.next_try)
        standing = Standing(
            server=self._server,
            paths=self._paths,
            waits_for="" if outage.error is None else str(outage.error),
            waits_since=outage.since if outage.error else 0.0,
            next_try=next_try,
            host=platform.node(),
            boot=boot_id(),
            pid=os.getpid(),
            started=self._started,
            **_summed(standing_of(run) for run in watcher.runs.values()),
        )
        text = json.dumps(standing.to_json(), separators=(",", ":"))
        try:
            replace_text(self._path, text)
        except OSError as error:
            raise _cannot(self._path, error) from error

    def remove(self) -> None:
        """The watcher ends: whoever asks looks at the folders from now on."""
        with contextlib.suppress(OSError):  # one that stays is told by its dead process
            self._path.unlink()


def read_notes(folder: Path) -> list[Standing]:
    """The notes of all watchers that live, the oldest first."""
    found = []
    for path in folder.glob("watch-*.json"):
        try:
            standing = Standing.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # a note is a hint
            continue
        if standing is not None and standing.is_alive:
            found.append(standing)
    return sorted(found, key=lambda standing: standing.started)


def standing_of(run: Followed) -> RunStanding:
    """How one run stands that is followed."""
    trouble = next(iter(run.troubles.values()), None)
    error = run.deleted or (None if trouble is None else trouble.error)
    return RunStanding(
        path=str(run.run_dir.path),
        run=run.outcome.run,
        state=run.state,
        pending=run.pending,
        since=run.since,
        error="" if error is None else str(error),
        next_try=0.0 if trouble is None else _on_the_clock(trouble.retry_at),
    )


def standing_on_disk(paths: Sequence[Path], server: str) -> tuple[Standing, list[HoldfastError]]:
    """How the runs below some paths stand, by what lies there; and an error for each bad path."""
    found = find(paths, server, Wishes())
    rows = [_on_disk(run_dir, server) for run_dir in found.pending]
    rows += [RunStanding(str(run_dir.path), "", "confirmed", 0, 0.0) for run_dir in found.synced]
    standing = Standing(server, sorted(map(os.path.realpath, paths)), **_summed(rows))
    return standing, found.missing


def _on_disk(run_dir: RunDir, server: str) -> RunStanding:
    gone = deletion(run_dir, server)
    if gone is not None:
        return RunStanding(str(run_dir.path), "", "deleted", 0, 0.0, str(gone))
    kept = Kept.read(run_dir, server)
    size, since = 0, 0.0
    with contextlib.suppress(OSError):  # gone a moment ago: nothing is pending of it
        status = run_dir.journal.stat()
        size, since = status.st_size, status.st_mtime
    held = {} if kept is None else {entry.path: entry.size for entry in kept.receipt.files}
    size -= 0 if kept is None else min(size, kept.receipt.position)
    for path in run_dir.files.rglob("*"):
        with contextlib.suppress(OSError):
            name, length = path.relative_to(run_dir.files).as_posix(), path.stat().st_size
            size += length if path.is_file() and held.get(name) != length else 0
    run = "" if kept is None else str(kept.receipt.run.path)
    return RunStanding(str(run_dir.path), run, "pending", size, since)


def _summed(rows: Iterable[RunStanding]) -> dict[str, Any]:
    """The fields of a `Standing` that follow from its runs."""
    states: Counter[str] = Counter()
    pending = []
    total = 0
    for row in rows:
        states[row.state] += 1
        total += row.pending
        if row.pending or row.error or row.state == "pending":
            pending.append(row)
    pending.sort(key=lambda row: (not row.error, row.since))
    return {"states": dict(states), "pending": total, "runs": pending[:_NAMED]}


def _on_the_clock(monotonic: float) -> float:
    return time.time() + monotonic - time.monotonic()


def _cannot(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}",
        "name another folder with HOLDFAST_STATE_DIR",
    )
