"""The guide as a new user tries it: the commands of a page, typed one after the other.

    page = Page("quickstart")
    user = NewUser(tmp_path / "ada")
    user.types(page.next("holdfast sync"))
    page.end()

What stands on a page and is not tried is an error, and so is a command that the page does not have.
The user has a home of their own, empty at first, and nothing set that a test run brings along.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

__all__ = ["NewUser", "Page"]

_GUIDE = Path(__file__).parents[2] / "docs" / "guide"
_PROGRAMS = "holdfast|wandb|python|export|systemctl|loginctl|journalctl|tmux|@reboot"
_COMMAND = re.compile(rf"    ((?:{_PROGRAMS}|[A-Z_]+=\S+) .*)")
_SECONDS = 60


class Page:
    """A page of the guide: its commands in order, and its Python."""

    def __init__(self, name: str) -> None:
        self.text = (_GUIDE / f"{name}.md").read_text(encoding="utf-8")
        self._left = list(self._commands())
        self._scripts = re.findall(r"^```python\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def _commands(self) -> Iterator[str]:
        for line in self.text.splitlines():
            if found := _COMMAND.fullmatch(line):
                yield re.sub(r"\s+#\s.*", "", found[1])

    def next(self, begins: str) -> str:
        """The next command of the page, which is to begin so."""
        command = self._left.pop(0) if self._left else "(none)"
        assert command.startswith(begins), f"the page goes on with: {command}"
        return command

    def script(self) -> str:
        """The next piece of Python of the page."""
        return self._scripts.pop(0)

    def end(self) -> None:
        """All that the page has was tried."""
        assert not self._left
        assert not self._scripts


class NewUser:
    """Somebody at a shell of their own.

    Args:
        home: their home, where they type first.
        places: what a page's example names, and what stands for it here (addresses, folders).
    """

    def __init__(self, home: Path, **places: str) -> None:
        self.home = self.place = home
        self.places = dict(places)
        home.mkdir(parents=True)
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        self.variables = {"HOME": str(home), "USER": "ada", "PATH": path, "LANG": "C.UTF-8"}
        self._begun: list[subprocess.Popen[str]] = []

    def __enter__(self) -> NewUser:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._begun:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def here(self, command: str) -> str:
        """A command of a page with the places of this test."""
        for name, place in self.places.items():
            command = command.replace(name, place)
        return command

    def types(self, command: str, *, answers: str = "", ends: int | None = 0) -> str:
        """Type a command and wait for its end; what it said. ``ends`` None: however it ends."""
        done = subprocess.run(
            ["bash", "-c", self.here(command)],
            cwd=self.place,
            env=self.variables,
            input=answers,
            capture_output=True,
            text=True,
            timeout=2 * _SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert ends is None or done.returncode == ends, f"{command}: {done.returncode}\n{said}"
        return said

    def exports(self, command: str) -> None:
        """Type ``export NAME=VALUE``, for all that is typed later."""
        word, assignment = shlex.split(self.here(command))
        assert word == "export"
        name, _, value = assignment.partition("=")
        self.variables[name] = value

    def begins(self, command: str) -> subprocess.Popen[str]:
        """Type a command that goes on until it is stopped; what it says goes to ``NAME.log``."""
        log = self.home / f"{len(self._begun)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.here(command)}"],
                cwd=self.place,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
        self._begun.append(process)
        return process

    def said(self, process: subprocess.Popen[str]) -> str:
        """What a command that was begun has said so far."""
        return (self.home / f"{self._begun.index(process)}.log").read_text()

    def stops(self, process: subprocess.Popen[str]) -> None:
        """Ctrl-C."""
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=_SECONDS)

    def writes(self, name: str, text: str) -> Path:
        """Save a file where they are."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
