"""Small files beside the journal: latest.spec, the receipt, W&B's synced marker."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.errors import StorageError
from holdfast.rundir.layout import RunDir
from holdfast.rundir.whole import replace_text

__all__ = [
    "IGNORE_FILE",
    "mark_synced",
    "read_ignored",
    "read_receipt",
    "read_spec",
    "write_receipt",
    "write_spec",
]

IGNORE_FILE = ".holdfastignore"
"""In ``files/``: globs of files that do not go with the run. Beside a script: for all its runs."""

_SPEC = "latest.spec"


def write_spec(root: Path, spec: Mapping[str, Any], *, job: str = "") -> None:
    """Say in the ``wandb`` folder which run is the latest, there and of a job.

    Args:
        root: the ``wandb`` folder.
        spec: run_id, path, project, entity, state and started_at.
        job: a name for the scheduler's job that it runs in; its note goes when the run is finished.

    Raises:
        StorageError: it cannot be written.
    """
    text = json.dumps(dict(spec), indent=1)
    _replace(root / _SPEC, text)
    if job and spec.get("state") == "finished":
        with contextlib.suppress(OSError):  # never written, or in a folder that is read-only now
            (root / _name_of(job)).unlink()
    elif job:
        _replace(root / _name_of(job), text)


def read_spec(root: Path, *, job: str = "") -> dict[str, Any] | None:
    """What `write_spec` said last, of a job or of any; None when nothing readable is there."""
    return _read(root / (_name_of(job) if job else _SPEC))


def _name_of(job: str) -> str:
    return f"job-{job}.spec"


def write_receipt(run_dir: RunDir, receipt: Mapping[str, Any]) -> None:
    """Keep the server's receipt beside the journal.

    Raises:
        StorageError: it cannot be written.
    """
    _replace(run_dir.receipt, json.dumps(dict(receipt), indent=1))


def read_receipt(run_dir: RunDir) -> dict[str, Any] | None:
    """The receipt kept beside the journal; None when nothing readable is there."""
    return _read(run_dir.receipt)


def read_ignored(folder: Path) -> tuple[str, ...]:
    """The globs in the ignore file of a folder, a line each; blank lines and ``#`` say nothing.

    A name that ends in ``/`` stands for all below it. Without such a file there are none.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        text = (folder / IGNORE_FILE).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ()
    lines = [line.strip() for line in text.splitlines()]
    globs = [line for line in lines if line and not line.startswith("#")]
    return tuple(f"{glob}*" if glob.endswith("/") else glob for glob in globs)


def mark_synced(run_dir: RunDir) -> None:
    """Leave W&B's marker, so that its own tools know the run as synced too.

    Raises:
        StorageError: it cannot be written.
    """
    _replace(run_dir.synced_marker, "")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # a marker is a hint: one that cannot be read is none
        return None
    return found if isinstance(found, dict) else None


def _replace(path: Path, text: str) -> None:
    try:
        replace_text(path, text)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}", "check rights and free space"
        ) from error
