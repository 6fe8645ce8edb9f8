"""Run folders for tests, made by hand as W&B's look."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.rundir import mounts


def run_folder(wandb: Path, run_id: str, started: str, *, online: bool = False) -> Path:
    """A run folder with an empty journal; returns the journal."""
    folder = wandb / f"{'' if online else 'offline-'}run-{started}-{run_id}"
    for name in ("files/media", "logs", "tmp/code"):
        (folder / name).mkdir(parents=True)
    journal = folder / f"run-{run_id}.wandb"
    journal.write_bytes(b"")
    return journal


def journal_with_header(path: Path, host: str, boot_id: str = "") -> Path:
    """A journal whose writer says where it ran."""
    writer = Writer(path, fsync="never")
    writer.append(encode.header("test", host=host, pid=1, boot_id=boot_id))
    writer.close()
    return path


def mounted(monkeypatch: pytest.MonkeyPatch, folder: Path, kind: str) -> None:
    """Let a folder lie on a filesystem of some kind, which cannot be made here."""
    text = f"22 1 8:1 / / rw - ext4 a rw\n30 22 0:40 / {folder.resolve()} rw - {kind} b rw\n"
    (folder / "mountinfo").write_text(text)
    monkeypatch.setattr(mounts, "_MOUNTS", folder / "mountinfo")
    monkeypatch.setattr(mounts, "_known", {})
