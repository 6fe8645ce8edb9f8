"""Lock files that tools left beside runs: is their owner alive?

Holdfast takes none; other tools' are reported. One is dead only if its process is provably not
there, or, where it says nothing of one, if its run is over. Must not know whose tool it was.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from holdfast.errors import DamagedError
from holdfast.journal import Frame, Reader
from holdfast.records.decode import kind
from holdfast.rundir import RunDir, is_locked, is_process, writer_of
from holdfast.sync.doctor.finding import Finding
from holdfast.sync.named import Named

__all__ = ["look_at_locks", "owner_of"]

_SUBJECT = "locks"
_MAX_BYTES = 4096
_QUIET_SECONDS = 300.0
_DAY_SECONDS = 86400.0
_TEMPORARY = "tmp"
_NUMBER = re.compile(r"(?<![\d.\w-])(\d{1,9})(?![\d.\w-])")


class _Said(NamedTuple):
    """Whether a journal has its ``exit`` record, and which files it names."""

    ended: bool
    named: Named


def look_at_locks(folders: Iterable[Path], runs: Iterable[RunDir] = ()) -> Iterator[Finding]:
    """Every lock file in these folders and beside these runs, and whether its owner lives.

    Args:
        folders: which are no run's.
        runs: looked at in their folder, and in ``files/`` and ``tmp/`` below it. A file there that
            the journal names is the run's own, whatever its name ends with.
    """
    for folder in folders:
        for path in _locks_in(folder):
            yield _finding(path, None)
    for run_dir in runs:
        beside = [*_locks_in(run_dir.path), *_locks_in(run_dir.path / _TEMPORARY)]
        below = _locks_in(run_dir.files)
        said = _read(run_dir) if below else None
        if said is not None:
            beside += [path for path in below if not said.named.names(path.name)]
        for path in beside:
            yield _finding(path, run_dir)


def _locks_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.lock") if path.is_file())


def _finding(path: Path, run_dir: RunDir | None) -> Finding:
    state, evidence = owner_of(path, run_dir)
    if state == "alive":
        what = "a lock file whose owner is alive: left alone"
        return Finding(_SUBJECT, "note", what, evidence, "", path)
    if state == "unknown":
        what = "a lock file whose owner cannot be asked: left alone"
        cure = "remove it by hand if no tool uses it"
        return Finding(_SUBJECT, "note", what, evidence, cure, path)

    def fix() -> str:
        if owner_of(path, run_dir)[0] != "dead":
            return f"{path.name} was left: its owner is back"
        path.unlink(missing_ok=True)
        return f"removed {path}"

    return Finding(
        _SUBJECT,
        "warning",
        "a lock file whose owner is dead; the tool that left it may wait for it for ever",
        evidence,
        f"rm {path}",
        path,
        fix,
    )


def owner_of(
    path: Path, run_dir: RunDir | None = None
) -> tuple[Literal["alive", "dead", "unknown"], str]:
    """How the owner of a lock file is, and by what that is known.

    Its text may name a process, and its text or name a machine. A lock that the kernel holds on
    it is alive whatever it says.

    Args:
        path: the lock file.
        run_dir: the run that it lies with: an empty one is as dead as that.
    """
    if is_locked(path):
        return "alive", f"{path.name} is locked"
    try:
        text = path.read_bytes()[:_MAX_BYTES].decode("utf-8", "replace")
        age = time.time() - path.stat().st_mtime
    except OSError as error:
        return "unknown", f"{path.name} cannot be read: {error.strerror}"
    numbers = [int(number) for number in _NUMBER.findall(text)]
    if not numbers:
        said = f"{path.name} names no process, {age / 60:,.0f} min old"
        empty = not text.strip() and age > _QUIET_SECONDS
        over = _over(run_dir) if empty and run_dir is not None else ""
        return ("dead", f"{said}; {over}") if over else ("unknown", said)
    here = platform.node()
    words = set(re.findall(r"[A-Za-z][\w.-]*", text))
    named = f"{path.name} names process {numbers[0]}"
    if words - {"pid", "host", "hostname", here, here.split(".", 1)[0]}:
        return "unknown", f"{named} on another machine"
    if age < 0 or any(is_process(number) for number in numbers):
        return "alive", f"{named}, which runs on this machine"
    if not words & {here, here.split(".", 1)[0]} and age < _QUIET_SECONDS:
        return "unknown", f"{named}, of this machine or another, {age:.0f} s old"
    return "dead", f"{named}, which does not run on {here}"


def _over(run_dir: RunDir) -> str:
    """By what it is known that nobody works on a run any more; empty when somebody may."""
    try:
        silent = time.time() - run_dir.journal.stat().st_mtime
    except OSError:
        return ""
    if writer_of(run_dir) != "gone" or silent < _QUIET_SECONDS:
        return ""
    if silent > _DAY_SECONDS:
        return f"its journal has not grown for {silent / 3600:,.0f} h"
    said = _read(run_dir)
    return "its run has ended" if said is not None and said.ended else ""


def _read(run_dir: RunDir) -> _Said | None:
    """What a journal says; None of one that is damaged: it may name more than can be read.

    That it ends in half a frame, as a killed writer leaves it, is no damage.
    """
    kinds, named = set(), Named()
    gap = False
    try:
        with run_dir.journal.open("rb") as file:
            for item in Reader(file):
                if gap:
                    return None
                if isinstance(item, Frame):
                    kinds.add(kind(item.payload))
                    named.take(kind(item.payload), item.payload)
                else:
                    gap = True
    except (OSError, DamagedError):  # told where the folder is looked at
        return None
    return _Said("exit" in kinds, named) if kinds else None
