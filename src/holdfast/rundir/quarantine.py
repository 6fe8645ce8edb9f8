"""Putting another journal in a journal's place, the old one kept unchanged beside it.

Owns the names of what is set aside and the order of steps: a crash between any two leaves the old
journal in its place, or both, never none. Must not know why.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from holdfast.errors import StorageError
from holdfast.rundir.durable import sync_folder
from holdfast.rundir.layout import RunDir

__all__ = ["fresh_journal", "quarantined", "replace_journal"]

_ASIDE = ".damaged"


def fresh_journal(run_dir: RunDir) -> Path:
    """Where to write what `replace_journal` will take; nothing that looks for journals takes it."""
    return run_dir.journal.with_name(f".{run_dir.journal.name}.repair")


def quarantined(run_dir: RunDir) -> list[Path]:
    """The journals that were set aside here, in the order in which that was done."""
    found: list[Path] = []
    while (path := _aside(run_dir, len(found))).exists():
        found.append(path)
    return found


def replace_journal(run_dir: RunDir) -> Path | None:
    """Put the fresh journal, durable, in the place of the present one, which is set aside.

    It gets the rights and times of the present one. W&B's marker that the run is synced goes, the
    receipt goes aside with its journal: both spoke of other bytes.

    Returns:
        Where the present one lies now, unchanged; None when there was none.

    Raises:
        StorageError: the disk said no; the journal lies where it was.
    """
    import shutil  # training imports this room and pays for nothing that it does not use

    fresh = fresh_journal(run_dir)
    try:
        aside = _set_aside(run_dir) if run_dir.journal.exists() else None
        if aside is not None:
            shutil.copystat(aside, fresh)
            if run_dir.receipt.exists():
                shutil.copy2(run_dir.receipt, f"{aside}.receipt.json")
        run_dir.synced_marker.unlink(missing_ok=True)
        os.replace(fresh, run_dir.journal)
        run_dir.receipt.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a power cut now would bring the old journal back
            sync_folder(run_dir.path)
    except OSError as error:
        raise StorageError(
            f"cannot put a repaired journal into {run_dir.path}: {error.strerror or error}",
            "check rights and free space; the journal lies where it was",
        ) from error
    return aside


def _aside(run_dir: RunDir, number: int) -> Path:
    suffix = f"{_ASIDE}-{number + 1}" if number else _ASIDE
    return run_dir.journal.with_name(run_dir.journal.name + suffix)


def _set_aside(run_dir: RunDir) -> Path:
    """Give the journal a second name, or, where the filesystem has none, a copy."""
    import filecmp
    import shutil

    there = quarantined(run_dir)
    for path in there:  # of an attempt that was broken off
        if filecmp.cmp(path, run_dir.journal, shallow=False):
            return path
    aside = _aside(run_dir, len(there))
    try:
        os.link(run_dir.journal, aside)
    except OSError:
        part = aside.with_name(f".{aside.name}.part")
        shutil.copy2(run_dir.journal, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(part, aside)
    sync_folder(run_dir.path)
    return aside
