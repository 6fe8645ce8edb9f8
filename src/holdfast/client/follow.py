"""`mode="online"`: a process of its own that ships the journal while it grows.

Owns starting that process and looking after how it does. Must not know the network: the training
process opens no connection in any mode, and is never worse off for this one failing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from holdfast.rundir import RunDir

__all__ = ["Follower", "start"]


class Follower:
    """The process that follows the journal. It outlives training and finishes the upload."""

    def __init__(self, process: Any, log: Path) -> None:
        self._process = process
        self._log = log

    def complaint(self) -> str:
        """One line when it has ended early, else empty."""
        code = self._process.poll()
        if code is None:
            # It goes on by itself: without this, Python would warn that it was left behind.
            self._process.returncode = 0
            return ""
        return f"the sync process ended with exit code {code}, see {self._log}" if code else ""


def start(run_dir: RunDir, base_url: str) -> Follower:
    """Start ``holdfast sync --follow`` on a run folder, detached from this process.

    Raises:
        OSError: it cannot be started.
    """
    import subprocess

    log = run_dir.logs / "sync.log"
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        detached = {"creationflags": flags}
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [
                *_command(),
                "sync",
                "--follow",
                "--base-url",
                base_url,
                os.path.abspath(run_dir.path),
            ],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            close_fds=True,
            **detached,
        )
    return Follower(process, log)


def _command() -> list[str]:
    if sys.executable:
        return [sys.executable, "-m", "holdfast"]
    script = shutil.which("holdfast")
    if script is None:
        raise OSError("neither Python nor the command `holdfast` is to be found")
    return [script]
