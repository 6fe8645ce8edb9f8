"""What is found out about a run from beside it, in the journal and in its files.

Owns the order of the parts and what each writes. Must not know threads: it is called from one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from time import time
from typing import Any

from holdfast.client import environment
from holdfast.client.disk_guard import DiskGuard
from holdfast.client.files import replace_file
from holdfast.client.sampler import Sampler
from holdfast.records import encode
from holdfast.settings import Settings

__all__ = ["Observer"]


class Observer:
    """Finds out and writes down.

    Args:
        files: the run's `files` folder.
        settings: what the run was told.
        origin: what the script was at its start.
        write: appends a record to the journal.
        guard: says what a full disk leaves room for.
    """

    def __init__(
        self,
        files: Path,
        settings: Settings,
        origin: environment.Origin,
        write: Callable[[bytes], None],
        guard: DiskGuard,
    ) -> None:
        self._files = files
        self._settings = settings
        self._write = write
        self._found: dict[str, Any] = {}
        self._writer_id = os.urandom(16).hex()
        self._origin = origin
        self._sampler: Sampler | None = None
        self._guard = guard
        self._waiting: dict[str, str] = {}

    def parts(self) -> list[tuple[str, Callable[[], None]]]:
        """What to find out, quick things first; each part may fail alone."""
        parts: list[tuple[str, Callable[[], None]]] = [
            ("environment", self._write_process),
            ("hardware", lambda: self._add(environment.hardware())),
            ("requirements.txt", self._write_packages),
        ]
        if not self._settings.disable_git:
            parts.insert(1, ("git", self._write_git))
        return parts

    def begin_stats(self) -> None:
        """Start to measure; the first reading covers the time from here."""
        self._sampler = Sampler()

    def write_stats(self) -> None:
        """Take a reading of the system metrics and record it."""
        if self._sampler is not None and self._guard.metrics_only:
            self._guard.readings += 1
        elif self._sampler is not None:
            values = self._sampler.read()
            if label := self._settings.label:  # of one of several writers, as wandb names them
                values = {f"{key}/l:{label}": value for key, value in values.items()}
            self._write(encode.stats(values, time()))

    def _add(self, found: dict[str, Any]) -> None:
        self._found.update(found)
        self._write(encode.environment({**found, "writer_id": self._writer_id}))
        text = json.dumps(environment.metadata_of(self._found), indent=2, default=str)
        replace_file(self._files, "wandb-metadata.json", text)

    def _write_process(self) -> None:
        self._add(environment.process(self._settings, self._origin))

    def _write_git(self) -> None:
        program = self._origin.program
        folder = os.path.dirname(program) if os.path.isfile(program) else self._origin.folder
        git = environment.git_of(folder, with_diff=not self._settings.disable_code)
        if git is None:
            return
        found: dict[str, Any] = {"git": {"remote": git.remote, "commit": git.commit}}
        found["root"] = git.root
        if program.startswith(git.root):
            found["code_path"] = os.path.relpath(program, git.root).replace(os.sep, "/")
        self._add(found)
        if git.diff:
            self._copy("diff.patch", git.diff)

    def _write_packages(self) -> None:
        lines = environment.packages()
        self._copy("requirements.txt", "".join(f"{line}\n" for line in lines))

    def _copy(self, name: str, text: str) -> None:
        """Put a file into the run folder; on a disk that is nearly full, when it has room again."""
        if not self._guard.may_copy:
            self._waiting[name] = text
            self._guard.copies += 1
            return
        replace_file(self._files, name, text)
        self._write(encode.files([name]))

    def catch_up(self) -> None:
        """Put down the files that had to wait, if there is room now."""
        while self._waiting and self._guard.may_copy:
            name, text = next(iter(self._waiting.items()))
            self._copy(name, text)
            del self._waiting[name]
            self._guard.copies -= 1
