"""One cell of the table: one scenario with one client, in a folder of its own.

Owns what a scenario may do: run a script or a command of the client, read what the server holds,
take the server away. Must not know any scenario.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.clients import Client
from conformance.compare import differences
from conformance.processes import Process, surroundings
from conformance.system import System, drawn
from conformance.trap import Trap
from conformance.verdicts import MismatchError
from holdfast.errors import HoldfastError
from tests.processes import Server
from tools.environments import ROOT

__all__ = ["Cell", "Lengths", "Variables"]

_SCRIPTS = ROOT / "conformance/scripts"
_OURS = ROOT / "conformance/ours"
_PACKAGE_INDEX = re.compile(r"CONNECT pypi\.")
_POLL_S = 0.1
_QUICK_S = 150.0

Variables = Mapping[str, str | None]


@dataclass(frozen=True)
class Lengths:
    """How long things take that are long on purpose.

    Attributes:
        outage_s: seconds for which the server is away in the middle of a run.
        fast_rows: rows of the run that logs as fast as it can.
    """

    outage_s: float = 60.0
    fast_rows: int = 10_000


class Cell:
    """What a scenario works with.

    Args:
        client: whose scripts and commands are run.
        server: runs.
        folder: a new one, for homes and logs.
        project: where the client's runs go.
        lengths: of what is long on purpose.
    """

    def __init__(
        self, client: Client, server: Server, folder: Path, project: str, lengths: Lengths
    ) -> None:
        self.client = client
        self.server = server
        self.folder = folder
        self.project = project
        self.lengths = lengths
        self._python = client.python()
        self._begun: list[Process] = []
        self._trap = Trap()
        # A short path: newer clients put the socket there by which they hear of the system.
        self._temporary = tempfile.TemporaryDirectory(prefix="cell-", ignore_cleanup_errors=True)
        self.notes: list[str] = []

    def __enter__(self) -> Cell:
        self.home.mkdir(parents=True)
        self._trap.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        for process in self._begun:
            process.kill_all()
        self._trap.__exit__(None, None, None)
        self._temporary.cleanup()

    def begin(self, script: str, variables: Variables | None = None, **options: object) -> Process:
        """Start one of the scripts with the client; ``options`` reach it as JSON.

        Args:
            script: its name.
            variables: of its environment, beside the usual ones; None takes one away.
            options: what it is to do.
        """
        return self._start(script, self._asked(script, options), variables)

    def begin_ours(self, script: str, **options: object) -> Process:
        """Start one of the scripts offline with Holdfast's client in the place of wandb."""
        paths = [_OURS, ROOT, ROOT / "src"]
        variables: Variables = {
            "PYTHONPATH": ":".join(map(str, paths)),
            "WANDB_MODE": "offline",
        }
        return self._start(script, self._asked(script, options), variables, Path(sys.executable))

    def _asked(self, script: str, options: dict[str, object]) -> list[str]:
        told = {"told": str(self._told(len(self._begun))), "project": self.project, **options}
        # It lies where it runs, as people's scripts do: what lies elsewhere is not saved as code.
        copied = shutil.copy(_SCRIPTS / f"{script}.py", self.home)
        return [str(copied), json.dumps(told)]

    def script(self, script: str, variables: Variables | None = None, **options: object) -> Any:
        """Run one of the scripts to its end, which must be a good one: the truth that it told."""
        process = self.begin(script, variables, **options)
        process.succeed(_QUICK_S)
        return self.told(process)

    def our_script(self, script: str, **options: object) -> Any:
        """The same with Holdfast's client in the place of wandb, offline."""
        process = self.begin_ours(script, **options)
        process.succeed(_QUICK_S)
        return self.told(process)

    def command(self, *words: str) -> Process:
        """Start ``wandb WORDS``."""
        return self._start("-".join(words[:1]), ["-m", "wandb", *words])

    def _start(
        self,
        name: str,
        words: list[str],
        variables: Variables | None = None,
        python: Path | None = None,
    ) -> Process:
        usual: Variables = {
            **surroundings(self.home, self._trap.address),
            "TMPDIR": self._temporary.name,
            "PYTHONPATH": str(ROOT),
            "WANDB_BASE_URL": self.server.url,
            "WANDB_API_KEY": self.server.key,
        }
        wanted = {**usual, **(variables or {})}
        environment = {name: value for name, value in wanted.items() if value is not None}
        log = self.folder / f"{len(self._begun)}-{name}.log"
        process = Process([str(python or self._python), *words], self.home, environment, log)
        self._begun.append(process)
        return process

    @property
    def home(self) -> Path:
        """The home folder of the client's processes, and where they run."""
        return self.folder / "home"

    def has_told(self, process: Process) -> bool:
        """Whether a script has told its truth yet."""
        return self._told(self._begun.index(process)).exists()

    def told(self, process: Process) -> Any:
        """The truth that a script told."""
        path = self._told(self._begun.index(process))
        if not path.exists():
            raise MismatchError(f"{process} told nothing:\n{process.tail()}")
        return json.loads(path.read_text(encoding="utf-8"))

    def _told(self, number: int) -> Path:
        return self.folder / f"{number}-told.json"

    def offline_folders(self) -> list[Path]:
        """The offline run folders that the client wrote, oldest first."""
        return sorted((self.home / "wandb").glob("offline-run-*"))

    def run(self, run_id: str) -> Any:
        """A run as `holdfast.Api` reads it."""
        try:
            api = self.server.api()
            return api.run(f"{api.default_entity}/{self.project}/{run_id}")
        except HoldfastError as error:
            raise MismatchError(f"run {run_id} cannot be read: {error}") from error

    def check(self, truth: dict[str, Any]) -> None:
        """Compare a run with its truth; a MismatchError names every difference."""
        found = differences(truth, self.run(truth["id"]), self.folder / "downloads")
        if found:
            raise MismatchError(f"run {truth['id']}: " + "; ".join(found))

    def check_system(self, run_id: str, wanted: System) -> None:
        """Compare the system metrics of a run with what its client measured."""
        entity = self.server.api().default_entity
        found = drawn(self.server, entity, self.project, run_id)
        for key in sorted({*wanted, *found}):
            if found.get(key) != wanted.get(key):
                what = f"{found.get(key)!r:.300} and not {wanted.get(key)!r:.300}"
                raise MismatchError(f"run {run_id}: {key} is {what}")

    def files(self, run_id: str) -> dict[str, int]:
        """The files of a run and their sizes."""
        return {file.name: file.size for file in self.run(run_id).files()}

    def holds(self, truth: dict[str, Any]) -> bool:
        """Whether the server holds all of a truth by now."""
        try:
            self.check(truth)
        except (MismatchError, HoldfastError):
            return False
        return True

    def rows(self, run_id: str) -> int:
        """How many rows the server holds of a run, 0 when it does not know it or is away."""
        try:
            return sum(1 for _ in self.run(run_id).scan_history())
        except (MismatchError, HoldfastError):
            return 0

    def until(self, condition: Callable[[], bool], what: str, seconds: float = _QUICK_S) -> None:
        """Wait until ``condition`` holds; a MismatchError when it does not in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise MismatchError(f"after {seconds:g} s still not: {what}")
            time.sleep(_POLL_S)

    def note(self, text: str) -> None:
        """Say on the page where a client itself does not say all, so that less is compared."""
        self.notes.append(text)

    def asked_elsewhere(self) -> list[str]:
        """Requests that the client's processes tried to make to other machines.

        One is excused, with a note: old clients ask the package index for a newer version.
        """
        others = [line for line in self._trap.seen if not _PACKAGE_INDEX.match(line)]
        if len(others) < len(self._trap.seen):
            self.note("the client also asks the package index for a newer version of itself")
        return others
