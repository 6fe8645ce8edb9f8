"""`mode="online"`: a process of its own that ships the journal while it grows.

Owns starting that process, passing on its first word, and looking after how it does. Must not know
the network: the training process opens no connection in any mode, and is never worse off for this
one failing.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from holdfast.rundir import RunDir

__all__ = ["Follower", "start"]

_LOOK_SECONDS = 0.1
_FIRST_WORD_SECONDS = 15.0
_QUEUED = "the server has not answered yet: the run is queued, and sent when it does"


class Follower:
    """The process that follows the journal. It outlives training and finishes the upload."""

    def __init__(self, process: Any, log: Path) -> None:
        self._process = process
        self._log = log
        self._over = threading.Event()

    def listen(self, say: Callable[[str], None]) -> None:
        """Have its first word said: whether the run is sent now, or waits for the server.

        A thread waits for that word, for some seconds; training does not.
        """
        name = "holdfast-first-word"
        threading.Thread(target=self._listen, args=(say,), name=name, daemon=True).start()

    def _listen(self, say: Callable[[str], None]) -> None:
        end = monotonic() + _FIRST_WORD_SECONDS
        while not self._over.wait(_LOOK_SECONDS):
            word = self._first_word()
            if word or monotonic() > end:
                say(f"sync: {word or _QUEUED}")
                return

    def _first_word(self) -> str:
        """The first line of the log, once it is whole."""
        try:
            with open(self._log, encoding="utf-8", errors="replace") as file:
                line = file.readline(1000)
        except OSError:  # it is the log that is gone, not the run
            return ""
        return line.strip().removeprefix("holdfast: ") if line.endswith("\n") else ""

    def complaint(self) -> str:
        """One line when it has ended early, else empty; nobody waits for its word any more."""
        self._over.set()
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
