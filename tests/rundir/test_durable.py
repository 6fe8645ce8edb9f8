"""Names that survive a power cut."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from holdfast.rundir.durable import sync_folder


@pytest.mark.parametrize(("code", "raises"), [(errno.EIO, True), (errno.EINVAL, False)])
def test_only_what_cannot_be_asked_of_a_disk_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, *, raises: bool
) -> None:
    sync_folder(tmp_path)

    def fsync(_fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fsync)
    if raises:
        with pytest.raises(OSError, match="Input/output error"):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")
