"""Names and places in a run folder, exactly as W&B lays them out."""

from __future__ import annotations

import contextlib
import os
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from holdfast.errors import StorageError
from holdfast.rundir.whole import fresh_name

__all__ = ["RunDir", "create", "of_folder"]

#: ids and labels have no %, so that each can be told by the name
_FOLDER = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-([^%]+)(?:%([^%]+)(?:%\d+)?)?")
_JOURNAL = re.compile(r"run-(.+)\.wandb")


class RunDir(NamedTuple):
    """One run folder, known by its journal. Nothing is promised to exist but the name.

    Example:
        >>> RunDir(Path("wandb/offline-run-20261121_101500-4k2j9x0a/run-4k2j9x0a.wandb")).run_id
        '4k2j9x0a'
    """

    journal: Path

    @property
    def path(self) -> Path:
        """The folder."""
        return self.journal.parent

    @property
    def run_id(self) -> str:
        """The run's id as the journal's name (else the folder's name) has it."""
        if found := _JOURNAL.fullmatch(self.journal.name):
            return found[1]
        if found := _FOLDER.fullmatch(self.path.name):
            return found[2]
        return self.journal.stem

    @property
    def label(self) -> str:
        """Which of several writers of the run it is of, as the folder's name says; else empty."""
        found = _FOLDER.fullmatch(self.path.name)
        return (found[3] or "") if found else ""

    @property
    def started(self) -> str:
        """When the run began, as the folder's name says (``YYYYMMDD_HHMMSS``), else empty."""
        found = _FOLDER.fullmatch(self.path.name)
        return found[1] if found else ""

    @property
    def files(self) -> Path:
        """The folder of the run's files."""
        return self.path / "files"

    @property
    def artifacts(self) -> Path:
        """The folder of files that artifacts name, where those are kept with the run."""
        return self.path / "artifacts"

    @property
    def logs(self) -> Path:
        """The folder of the client's own logs."""
        return self.path / "logs"

    @property
    def synced_marker(self) -> Path:
        """W&B's empty marker file."""
        return self.journal.with_name(self.journal.name + ".synced")

    @property
    def receipt(self) -> Path:
        """Our marker: the server's receipt, as JSON."""
        return self.journal.with_name(self.journal.name + ".receipt.json")


def of_folder(path: Path) -> RunDir | None:
    """The run of a folder that is named as W&B names run folders, journal or not; else None."""
    found = _FOLDER.fullmatch(path.resolve().name)
    return RunDir(path / f"run-{found[2]}.wandb") if found else None


def create(root: Path, run_id: str, *, online: bool, now: datetime, label: str = "") -> RunDir:
    """Make the folder of a new run below ``root`` (the ``wandb`` folder), and its subfolders.

    The link ``latest-run`` is turned to it where the system has links.

    Args:
        root: the ``wandb`` folder.
        run_id: the run's id.
        online: whether it is sent while it goes on.
        now: when it begins.
        label: which of several writers of the run the folder is for; empty for the only one.

    Raises:
        StorageError: the folder cannot be made.
    """
    stem = f"{'' if online else 'offline-'}run-{now:%Y%m%d_%H%M%S}-{run_id}"
    path = _make_unique(root, f"{stem}%{label}%" if label else f"{stem}-")
    run_dir = RunDir(path / f"run-{run_id}.wandb")
    try:
        for folder in (run_dir.files, run_dir.logs, path / "tmp" / "code"):
            folder.mkdir(parents=True)
    except OSError as error:
        raise _cannot(path, error) from error
    _point(root / "latest-run", path)
    return run_dir


def _make_unique(root: Path, numbered: str) -> Path:
    """A folder that did not exist; a clash (same id, same second) gets a number behind it.

    Args:
        root: where to make it.
        numbered: its name, and the sign that stands before a number.
    """
    stem = numbered[:-1]
    for attempt in range(100):
        path = root / (f"{numbered}{attempt}" if attempt else stem)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _cannot(path, error) from error
        return path
    raise StorageError(f"a hundred folders named {stem} exist in {root}", "choose another id")


def _cannot(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot create the run folder {path}: {error.strerror or error}",
        "choose another place with dir= or WANDB_DIR, or use mode='disabled'",
    )


def _point(link: Path, target: Path) -> None:
    """Turn a link to ``target`` in one step. A convenience: without it nothing is lost."""
    fresh = fresh_name(link)
    with contextlib.suppress(OSError, NotImplementedError):
        fresh.symlink_to(target.name, target_is_directory=True)
        os.replace(fresh, link)
    with contextlib.suppress(OSError):
        fresh.unlink()
