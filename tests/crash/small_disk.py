"""Disks that are full and folders that may not be written, as real as they can be made here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["SmallDisk", "nothing_may_be_written", "small_disk", "without_override"]

_PR_CAPBSET_DROP = 24
_RIGHTS_OF_ROOT = (1, 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class SmallDisk:
    """A filesystem of its own at ``path``, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no room."""
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink()

    def set_size(self, size: str) -> None:
        """Make it larger."""
        _run("mount", "-o", f"remount,size={size}", str(self.path))


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk | None]:
    """A filesystem of ``size`` at ``path``; None where this process may not mount one."""
    path.mkdir(parents=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "-l", str(path))


def nothing_may_be_written() -> None:
    """For a new process: no file may grow. It stands for a full disk where none can be made."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


def without_override() -> Callable[[], None]:
    """For a new process: root too has to ask for permission."""
    libc = ctypes.CDLL(None, use_errno=True)
    is_root = os.geteuid() == 0

    def give_up() -> None:
        for right in _RIGHTS_OF_ROOT if is_root else ():
            if libc.prctl(_PR_CAPBSET_DROP, right, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "cannot give up the rights of root")

    return give_up


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
