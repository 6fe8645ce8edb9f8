"""Finding run folders: by a journal, a run folder, a wandb folder, or any folder above."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from holdfast.errors import NotFoundError
from holdfast.rundir.layout import RunDir

__all__ = ["discover", "runs_with_id"]

_SUFFIX = ".wandb"
#: folders that hold no runs and may be huge
_SKIP = frozenset(
    {"node_modules", ".git", "__pycache__", "files", "logs", "tmp", "media", "artifacts"}
)


def discover(path: Path) -> Iterator[RunDir]:
    """Every run at or below ``path``, in order of start; each journal once.

    Args:
        path: a ``.wandb`` file, a run folder, a ``wandb`` folder, or any folder above. A file
            is taken whatever folder it lies in.

    Raises:
        NotFoundError: there is nothing at ``path``.
    """
    if path.is_file():
        yield RunDir(path)
        return
    if not path.is_dir():
        raise NotFoundError(f"there is nothing at {path}", "name a run folder or a folder above")
    found: dict[tuple[int, int], RunDir] = {}
    for journal in _journals(path):
        try:
            status = journal.stat()
        except OSError:  # gone since it was listed, or a broken link
            continue
        key = (status.st_dev, status.st_ino) if status.st_ino else (0, hash(journal))
        found.setdefault(key, RunDir(journal))
    yield from sorted(found.values(), key=lambda run: (run.started, str(run.journal)))


def runs_with_id(root: Path, run_id: str) -> list[RunDir]:
    """The folders of one run below ``root`` (the ``wandb`` folder), in order of start."""
    journals = root.glob(f"*run-*-*/run-{_escaped(run_id)}{_SUFFIX}")
    runs = [RunDir(journal) for journal in journals if not journal.parent.is_symlink()]
    return sorted(
        runs, key=lambda run: (run.started, run.journal.stat().st_mtime, str(run.journal))
    )


def _journals(top: Path) -> Iterator[Path]:
    """Journals below ``top``; links to folders are not followed, so nothing is walked twice."""
    for folder, subfolders, names in os.walk(top):
        journals = [Path(folder, name) for name in names if name.endswith(_SUFFIX)]
        yield from journals
        if journals:  # a run folder holds no runs
            subfolders.clear()
        else:
            subfolders[:] = [name for name in subfolders if name not in _SKIP]


def _escaped(run_id: str) -> str:
    """A run id as a literal in a glob pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in run_id)
