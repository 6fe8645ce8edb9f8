"""Lock files that tools left beside runs: is their owner alive?

Holdfast takes none; other tools' are reported. One is dead only if its process is provably not
there. Must not know whose tool it was.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from holdfast.rundir import is_locked, is_process
from holdfast.sync.doctor.finding import Finding

__all__ = ["look_at_locks", "owner_of"]

_SUBJECT = "locks"
_MAX_BYTES = 4096
_QUIET_SECONDS = 300.0
_NUMBER = re.compile(r"(?<![\d.\w-])(\d{1,9})(?![\d.\w-])")


def look_at_locks(folders: Iterator[Path]) -> Iterator[Finding]:
    """Every lock file in these folders, and whether its owner lives."""
    for folder in folders:
        for path in sorted(folder.glob("*.lock")):
            if path.is_file():
                yield _finding(path)


def _finding(path: Path) -> Finding:
    state, evidence = owner_of(path)
    if state == "alive":
        what = "a lock file whose owner is alive: left alone"
        return Finding(_SUBJECT, "note", what, evidence, "", path)
    if state == "unknown":
        what = "a lock file whose owner cannot be asked: left alone"
        cure = "remove it by hand if no tool uses it"
        return Finding(_SUBJECT, "note", what, evidence, cure, path)

    def fix() -> str:
        if owner_of(path)[0] != "dead":
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


def owner_of(path: Path) -> tuple[Literal["alive", "dead", "unknown"], str]:
    """How the owner of a lock file is, and by what that is known.

    Its text may name a process, and its text or name a machine. A lock that the kernel holds on
    it is alive whatever it says.
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
        return "unknown", f"{path.name} names no process, {age / 60:,.0f} min old"
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
