"""The processes of clients: private surroundings, a deadline, and an end for all that they started.

Owns the environment that a client sees and how its processes are ended. Must not know what they do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.verdicts import MismatchError

__all__ = ["Process", "surroundings"]

_TAIL = 2000


def surroundings(home: Path, proxy: str) -> dict[str, str]:
    """The environment variables of a client whose home is ``home``: nothing of the user's."""
    folder = str(home)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HOME": folder,
        "TMPDIR": folder,
        "XDG_CONFIG_HOME": f"{folder}/config",
        "XDG_DATA_HOME": f"{folder}/data",
        "XDG_CACHE_HOME": f"{folder}/cache",
        "WANDB_DIR": folder,
        "WANDB_CACHE_DIR": f"{folder}/cache",
        "WANDB_DATA_DIR": f"{folder}/data",
        "WANDB_CONFIG_DIR": f"{folder}/config",
        "WANDB_ERROR_REPORTING": "false",
        "HTTP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "127.0.0.1,localhost",
    }


class Process:
    """A client's process, begun when this is made, in a session of its own.

    Args:
        words: the command.
        folder: where it runs.
        environment: all that it sees.
        log: takes what it prints.
    """

    def __init__(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        self.log = log
        self._words = words
        with log.open("wb") as printed:
            self._process = subprocess.Popen(
                list(words),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __repr__(self) -> str:
        return f"{self.log.stem} (pid {self._process.pid})"

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def wait(self, seconds: float) -> int:
        """Its exit code; a MismatchError when it takes longer, and then it is killed."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise MismatchError(
                f"{self} did not end within {seconds:g} s:\n{self.tail()}"
            ) from None

    def succeed(self, seconds: float) -> None:
        """Wait for its end; a MismatchError when the exit code is not 0."""
        code = self.wait(seconds)
        if code:
            raise MismatchError(f"{self} ended with exit code {code}:\n{self.tail()}")

    def kill(self) -> None:
        """SIGKILL to the process alone, as the kernel does when memory runs out."""
        self._process.kill()
        self._process.wait()

    def kill_all(self) -> None:
        """SIGKILL to the process and to whatever of its session is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def tail(self) -> str:
        """The end of what it printed."""
        return self.said[-_TAIL:].strip()
