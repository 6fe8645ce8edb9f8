"""Many runs: which are pending, several at a time, and folders that may be removed.

Owns the choice of runs and the threads. Must not know how one run is brought over.
"""

from __future__ import annotations

import queue
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from holdfast.errors import (
    HoldfastError,
    NotFoundError,
    RefusedError,
    StorageError,
    UnconfirmedError,
)
from holdfast.rundir import RunDir, discover, is_fresh, lost_runs, writer_of
from holdfast.sync.context import Context, Wishes
from holdfast.sync.files import Catalogue
from holdfast.sync.one import RunSync, guarded
from holdfast.sync.receipts import Kept, Sight, is_pending
from holdfast.sync.regular import open_regular
from holdfast.sync.report import Outcome
from holdfast.sync.survey import Survey
from holdfast.sync.transport import Transport
from holdfast.wire import Given, Receipt
from holdfast.wire.digests import digest_of_file

__all__ = [
    "Found",
    "find",
    "find_all",
    "lapsed",
    "prove_held",
    "recall",
    "remove_proven",
    "remove_run",
    "work_off",
]

_T = TypeVar("_T")

_FOLDERS = {"files", "artifacts", "logs", "tmp"}
_ASKED_AT_ONCE = 1000
_BESIDE = ("", ".synced", ".syncstate", ".receipt.json")


@dataclass
class Found:
    """The runs at or below some paths, in order of start.

    Attributes:
        pending: runs with something that the server has not confirmed.
        synced: the others.
        missing: an error for each path where nothing is or that cannot be read.
    """

    pending: list[RunDir] = field(default_factory=list)
    synced: list[RunDir] = field(default_factory=list)
    missing: list[HoldfastError] = field(default_factory=list)


def find(paths: Sequence[Path], server: str, wishes: Wishes) -> Found:
    """Look for runs; each journal once, however many of the paths lead to it."""
    found = Found()
    runs, found.missing = find_all(paths)
    for run_dir in runs:
        kind = found.pending if is_pending(run_dir, server, wishes) else found.synced
        kind.append(run_dir)
    return found


def find_all(
    paths: Sequence[Path], *, lost: bool = False
) -> tuple[list[RunDir], list[HoldfastError]]:
    """The runs at or below some paths, in order of start, and an error for each bad path.

    Args:
        paths: where to look.
        lost: also run folders whose journal is gone.
    """
    missing: list[HoldfastError] = []
    runs: dict[Path, RunDir] = {}
    for path in paths:
        try:
            for run_dir in discover(path, on_error=lambda e: missing.append(_unreadable(e))):
                runs.setdefault(run_dir.journal.resolve(), run_dir)
            for run_dir in lost_runs(path) if lost else ():
                runs.setdefault(run_dir.journal.resolve(), run_dir)
        except (NotFoundError, StorageError) as error:
            missing.append(error)
    return _in_order(runs.values()), missing


def recall(transport: Transport, server: str, found: Found) -> None:
    """Ask the server whether it still holds what it confirmed; what it does not is pending again.

    A receipt proves what the server held when it gave it. It may since have been set back to an
    older backup, and nothing on this disk can tell.

    That it gives no answer is added to what is missing: runs that are pending need not wait for it.

    Args:
        transport: to the server.
        server: its address, by which receipts name it.
        found: the runs; changed.
    """
    kept = [(run_dir, Kept.read(run_dir, server)) for run_dir in found.synced]
    gone = {run_dir for run_dir, one in kept if one is None}
    asked = [(run_dir, one) for run_dir, one in kept if one is not None]
    for start in range(0, len(asked), _ASKED_AT_ONCE):
        try:
            gone |= lapsed(transport, asked[start : start + _ASKED_AT_ONCE])
        except HoldfastError as error:
            found.missing.append(error)
            break
    found.pending = _in_order([*found.pending, *gone])
    found.synced = [run_dir for run_dir in found.synced if run_dir not in gone]


def lapsed(transport: Transport, kept: Sequence[tuple[RunDir, Kept]]) -> set[RunDir]:
    """Which of these runs the server does not hold any more as it confirmed them.

    Raises:
        HoldfastError: it did not answer.
    """
    if not kept:
        return set()
    try:
        numbers = transport.lapsed([Given.of(one.receipt) for _, one in kept])
    except RefusedError as error:
        if error.status != 413 or len(kept) == 1:
            raise
        half = len(kept) // 2  # a proxy takes no body as long
        return lapsed(transport, kept[:half]) | lapsed(transport, kept[half:])
    return {kept[number][0] for number in numbers if number < len(kept)}


def _in_order(runs: Iterable[RunDir]) -> list[RunDir]:
    return sorted(runs, key=lambda run: (run.started, str(run.journal)))


def _unreadable(error: OSError) -> StorageError:
    return StorageError(
        f"cannot read {error.filename}: {error.strerror or error}",
        "runs in it were not looked for; check the rights of the folder",
    )


def work_off(runs: Iterable[RunDir], work: Callable[[RunDir], _T], jobs: int) -> Iterator[_T]:
    """Do ``work``, which never raises, on every run, ``jobs`` at a time; yields as they come.

    The threads end with the process: an interrupt waits for no request that is under way, since
    everything can be taken up again.
    """
    waiting: queue.SimpleQueue[RunDir | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[_T] = queue.SimpleQueue()
    count = 0
    for run_dir in runs:
        waiting.put(run_dir)
        count += 1

    def loop() -> None:
        while (run_dir := waiting.get()) is not None:
            done.put(work(run_dir))

    for number in range(min(jobs, count)):
        waiting.put(None)
        threading.Thread(target=loop, name=f"holdfast-sync-{number}", daemon=True).start()
    for _ in range(count):
        yield done.get()


def remove_run(context: Context, run_dir: RunDir) -> Outcome:
    """Remove a run folder, if the server confirms all of it once more and nobody writes it.

    Never raises. The outcome is ``confirmed`` when the folder was removed; else its error says why
    it was kept.
    """
    return remove_proven(run_dir, lambda outcome: prove_held(context, run_dir, outcome))


def prove_held(context: Context, run_dir: RunDir, outcome: Outcome) -> None:
    """Have the server confirm once more all that lies in a folder that nobody writes.

    Raises:
        UnconfirmedError: it does not hold it.
        HoldfastError: it cannot be asked, or something lies there that cannot be read.
    """
    with Survey(run_dir.journal, clock=context.clock) as survey:
        run = RunSync(context, run_dir, survey, outcome)
        run.read("gone")
        if not run.begin("gone"):
            raise UnconfirmedError("nothing was written into it", "remove it by hand")
        run.catalogue.refresh()
        run.confirm("gone")
    if outcome.state == "partial":
        raise UnconfirmedError("files of it were left out", "clean without leaving any out")


def remove_proven(run_dir: RunDir, prove: Callable[[Outcome], None]) -> Outcome:
    """As `remove_run`, by another proof.

    Args:
        run_dir: the run's folder.
        prove: raises a HoldfastError unless all that lies there is proven to be elsewhere too; may
            write markers beside the journal.
    """

    def work(outcome: Outcome) -> None:
        if writer_of(run_dir) != "gone":
            raise UnconfirmedError("its writer may be alive", "clean again when it has ended")
        before = Sight.of(run_dir)
        prove(outcome)
        _check_content(run_dir, outcome.receipt)
        if Sight.of(run_dir) != before or writer_of(run_dir) != "gone":
            raise UnconfirmedError("it changed meanwhile", "sync again")
        _remove(run_dir.path)

    outcome = guarded(run_dir, work)
    if outcome.error is not None:
        what = f"{run_dir.path} was kept: {outcome.error.what}"
        outcome.error = HoldfastError(what, outcome.error.do)
    return outcome


def _check_content(run_dir: RunDir, receipt: Receipt | None) -> None:
    """Refuse to remove a folder that is more than one run's, and more than the server has of it."""
    names = {run_dir.journal.name + suffix for suffix in _BESIDE} | _FOLDERS
    others = sorted(
        item.name
        for item in run_dir.path.iterdir()
        if item.name not in names and not is_fresh(item.name, names)
    )
    if ignored := Catalogue(run_dir.files).find_ignored():
        raise UnconfirmedError(
            f"{len(ignored)} files in it are ignored ({ignored[0]}…), so the server has them not",
            "remove them or the folder by hand",
        )
    others = others or _unheld(run_dir, receipt)
    if others or not run_dir.started:
        what = f"other things lie in it ({others[0]}…)" if others else "it is no run folder by name"
        raise UnconfirmedError(what, "remove it by hand")


def _unheld(run_dir: RunDir, receipt: Receipt | None) -> list[str]:
    """What lies in the folder of artifacts, if the server does not hold it: the first such file.

    Below ``files/`` all was compared; here only what the journal names.
    """
    held = {file.path: file.digest for file in receipt.files} if receipt is not None else {}
    for path in sorted(run_dir.artifacts.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(run_dir.path).as_posix()
        try:
            with open_regular(path) as file:
                digest, _ = digest_of_file(file.fd)
        except OSError:
            return [name]
        if held.get(name) != digest:
            return [name]
    return []


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise StorageError(
            f"cannot remove {path}: {error.strerror or error}", "remove it by hand"
        ) from error
