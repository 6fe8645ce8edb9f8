"""Finding run folders: by a journal, a run folder, a wandb folder, or any folder above."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from holdfast.errors import NotFoundError, StorageError
from holdfast.rundir.layout import RunDir, of_folder

__all__ = ["discover", "folders_among", "journals_among", "lost_runs", "runs_with_id"]

_SUFFIX = ".wandb"
#: what lies beside a journal and holds no runs
_PARTS = frozenset({"files", "artifacts", "logs", "tmp"})
#: folders that hold no runs and may be huge; any other name may be where somebody keeps runs
_SKIP = frozenset({"node_modules", ".git", "__pycache__"})


def discover(path: Path, *, on_error: Callable[[OSError], None] | None = None) -> Iterator[RunDir]:
    """Every run at or below ``path``, in order of start; each journal once.

    Args:
        path: a ``.wandb`` file, a run folder, a ``wandb`` folder, any folder above, or a link to
            one of them. A file is taken whatever folder it lies in.
        on_error: called for each folder below that cannot be read; it is passed over.

    Raises:
        NotFoundError: there is nothing at ``path``.
        StorageError: it cannot be read.
    """
    try:
        if path.is_file():
            yield RunDir(path)
            return
        if not path.is_dir():
            raise NotFoundError(
                f"there is nothing at {path}", "name a run folder or a folder above"
            )
        top = path.resolve() if path.is_symlink() else path
        with os.scandir(top):  # raises what a walk would only report
            pass
    except OSError as error:
        raise StorageError(
            f"cannot read {path}: {error.strerror or error}", "check the rights of the folder"
        ) from error
    found: dict[tuple[int, int], RunDir] = {}
    for journal in _journals(top, on_error):
        try:
            status = journal.stat()
        except OSError:  # gone since it was listed, or a broken link
            continue
        key = (status.st_dev, status.st_ino) if status.st_ino else (0, hash(journal))
        found.setdefault(key, RunDir(journal))
    # The folder before the journal: of two of one second the first has no number behind it.
    yield from sorted(found.values(), key=lambda run: (run.started, run.path, run.journal.name))


def lost_runs(path: Path) -> Iterator[RunDir]:
    """Run folders at or below ``path``, known by their names, that have no journal any more."""
    for folder, subfolders, names in os.walk(path.resolve() if path.is_symlink() else path):
        run_dir = of_folder(Path(folder))
        if run_dir is not None and not any(name.endswith(_SUFFIX) for name in names):
            yield run_dir
        skip = _SKIP if run_dir is None else _SKIP | _PARTS
        subfolders[:] = sorted(name for name in subfolders if name not in skip)


def runs_with_id(root: Path, run_id: str, label: str = "") -> list[RunDir]:
    """The folders of one run below ``root`` (the ``wandb`` folder), in order of start.

    Args:
        root: the ``wandb`` folder.
        run_id: the run's id.
        label: only those of this one of its several writers.
    """
    journals = root.glob(f"*run-*-*/run-{_escaped(run_id)}{_SUFFIX}")
    runs = [RunDir(journal) for journal in journals if not journal.parent.is_symlink()]
    if label:
        runs = [run for run in runs if run.label == label]
    return sorted(runs, key=lambda run: (run.started, _changed(run.journal), str(run.journal)))


def _changed(journal: Path) -> float:
    try:
        return journal.stat().st_mtime
    except OSError:  # gone since it was listed, or a broken link
        return 0.0


def _journals(top: Path, on_error: Callable[[OSError], None] | None) -> Iterator[Path]:
    """Journals below ``top``; links to folders are not followed, so nothing is walked twice."""
    for folder, subfolders, names in os.walk(top, onerror=on_error):
        journals = journals_among(names)
        yield from (Path(folder, name) for name in journals)
        subfolders[:] = folders_among(subfolders, beside_journal=bool(journals))


def journals_among(names: Iterable[str]) -> list[str]:
    """Those names of files that are journals' names, in order."""
    return sorted(name for name in names if name.endswith(_SUFFIX))


def folders_among(names: Iterable[str], *, beside_journal: bool) -> list[str]:
    """Those names of folders in which runs may lie, in order."""
    skip = _SKIP | _PARTS if beside_journal else _SKIP
    return sorted(name for name in names if name not in skip)


def _escaped(run_id: str) -> str:
    """A run id as a literal in a glob pattern."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in run_id)
