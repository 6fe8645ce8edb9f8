"""The fault table: its rows, and the place where each is played with real processes.

A row is a test with `@fault`: what happens, what a command of holdfast says of it, its exit code,
and what one does. The page docs/guide/faults.md has the same rows (test_faults_page).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from crash.proxy import Proxy
from processes import Server, environment
from sync.making import append_rows, make_run, rows, start_run
from sync.staging import files_of

from holdfast.errors import NotFoundError
from holdfast.journal import Frame, scan
from holdfast.records import encode
from holdfast.records.decode import add_runtime, kind, parse
from holdfast.rundir import RunDir
from holdfast.wire import digest_of, journal_id

__all__ = ["FAULTS", "Fault", "Place", "Said", "fault", "readable_rows"]

Test = TypeVar("Test", bound=Callable[..., None])

_DEADLINE_SECONDS = 90
_LINE = "x" * 100_000


class Fault(NamedTuple):
    """One row of the table."""

    what: str
    says: str
    code: int
    do: str
    command: str = "sync"


FAULTS: dict[str, Fault] = {}
"""All rows by what happens, in the order in which the tests stand."""


def fault(
    what: str, *, says: str, code: int, do: str, command: str = "sync"
) -> Callable[[Test], Test]:
    """Make a test a row of the table.

    Args:
        what: what happens.
        says: a phrase of what the command says that meets it first.
        code: its exit code.
        do: what the reader does.
        command: which command of holdfast it is.
    """
    row = FAULTS[what] = Fault(what, says, code, do, command)

    def mark(test: Test) -> Test:
        test.fault = row  # type: ignore[attr-defined]
        return test

    return mark


class Said(NamedTuple):
    """What a command printed and how it ended."""

    code: int
    text: str


@dataclass
class Place:
    """A server behind a proxy, a folder with runs, and the row that is played.

    Args:
        server: the server.
        proxy: stands before it.
        folder: an empty folder of the row's own.
        project: where its runs go.
        row: what is expected of the sync that meets the fault.
        http_timeout: seconds that `surroundings` give the server for an answer.
    """

    server: Server
    proxy: Proxy
    folder: Path
    project: str
    row: Fault | None = None
    http_timeout: int = 20

    @property
    def runs(self) -> Path:
        return self.folder / "wandb"

    def run(self, run_id: str, **said: Any) -> RunDir:
        """A run folder whose writer is gone; as `sync.making.make_run`."""
        return make_run(self.runs, run_id, project=self.project, **said)

    def long_run(self, run_id: str, megabytes: int = 12) -> RunDir:
        """One whose journal takes several chunks, 4 MiB each."""
        run_dir, writer = start_run(self.runs, run_id, project=self.project)
        for number in range(megabytes * 10):
            append_rows(writer, rows(1, first=number))
            writer.append(encode.output("stdout", f"{number}{_LINE}\n", 1.79e9))
        writer.append(encode.exit_record(0, 12))
        writer.close()
        (run_dir.files / "output.log").write_text("done\n")
        return run_dir

    def surroundings(self) -> dict[str, str]:
        """The environment of a process that knows the proxy as its server."""
        names = {"HOLDFAST_BASE_URL": self.proxy.url, "HOLDFAST_API_KEY": self.server.key}
        names["HOLDFAST_STATE_DIR"] = str(self.folder.parent / "state")
        names["HOLDFAST_HTTP_TIMEOUT"] = str(self.http_timeout)
        return {**environment(self.server.config), **names}

    def start(
        self,
        *words: str,
        more: Mapping[str, str] | None = None,
        before: Callable[[], None] | None = None,
    ) -> subprocess.Popen[str]:
        """Begin `holdfast sync` of all runs.

        Args:
            words: further words of the command.
            more: further variables of its environment.
            before: called in the new process before the command begins.
        """
        return subprocess.Popen(
            [sys.executable, "-m", "holdfast", "sync", *words, str(self.folder)],
            env={**self.surroundings(), **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=before,
        )

    def end(self, process: subprocess.Popen[str]) -> Said:
        """Wait for the end of a sync; no row may wait for ever."""
        try:
            text, _ = process.communicate(timeout=_DEADLINE_SECONDS)
        finally:
            process.kill()
        assert "Traceback" not in text, text
        return Said(process.returncode, text)

    def sync(self, *words: str, **how: Any) -> Said:
        """`holdfast sync` of all runs, as `start` begins it."""
        return self.end(self.start(*words, **how))

    def meets(self, said: Said) -> None:
        """Check what a sync said against the row."""
        assert self.row is not None
        assert self.row.says in said.text, said.text
        assert said.code == self.row.code, said.text

    def finish(self) -> None:
        """The next `holdfast sync`, when the fault is over, does the rest; all is there, once."""
        self.proxy.behave()
        said = self.sync()
        assert said.code == 0, said.text
        self.check()

    def check(self) -> None:
        """What can be read in the run folders is at the server, once."""
        for journal in sorted(self.folder.rglob("*.wandb")):
            self.check_run(RunDir(journal))

    def check_run(self, run_dir: RunDir) -> None:
        data = run_dir.journal.read_bytes()
        run = self.server.api().run(f"local/{self.project}/{run_dir.run_id}")
        assert list(run.scan_history()) == readable_rows(data)
        items = scan(data)
        # What the run was changed to at the server stands in a journal of the server's own.
        said = [item.payload for item in items if isinstance(item, Frame)]
        own = journal_id(next((one for one in said if kind(one) == "run"), said[0]))
        (journal,) = (one for one in run.load().to_json()["journals"] if one["journal"] == own)
        assert journal["position"] == items[-1].end
        there = {file.name: (file.size, file.digest) for file in run.files()}
        files = {
            path.relative_to(run_dir.files).as_posix(): path
            for path in run_dir.files.rglob("*")
            if path.is_file()
        }
        named = {file.path: list(map(Path, file.places)) for file in files_of(run_dir)}
        files.update({n: at for n, places in named.items() for at in places if at.exists()})
        for name, path in files.items():
            content = path.read_bytes()
            assert there[name] == (len(content), digest_of(content))

    def restart_server(self) -> None:
        """Kill the server, and start it again."""
        self.server.kill()
        self.server.start()

    def revoke_key(self) -> None:
        """Take the sender's key away at the server; returns when it counts for nothing."""
        self._users("remove", "local")
        asked = urllib.request.Request(
            f"{self.server.url}/api/v1/viewer",
            headers={"Authorization": f"Bearer {self.server.key}"},
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(asked).close()
            except urllib.error.HTTPError as error:
                error.close()
                return
            time.sleep(0.05)
        raise AssertionError("the key lives on")

    def give_key(self) -> None:
        """Let the sender's key count again."""
        self._users("add", "local", "--api-key", self.server.key)

    def _users(self, *words: str) -> None:
        command = [sys.executable, "-m", "holdfast", "users", *words]
        data = ["--data", str(self.server.folder / "data")]
        env = environment(self.server.config)
        subprocess.run([*command, *data], env=env, check=True, capture_output=True)

    def set_back(self, backup: Path) -> None:
        """Let the server have what it had at the backup; it is stopped and started."""
        data = self.server.folder / "data"
        self.server.stop()
        shutil.rmtree(data)
        shutil.copytree(backup, data)
        self.server.start()

    def backup(self) -> Path:
        """A backup of the server as it is now; it is stopped and started."""
        backup = self.folder.parent / "backup"
        self.server.stop()
        shutil.copytree(self.server.folder / "data", backup)
        self.server.start()
        return backup

    def is_there(self, run_id: str) -> bool:
        """Whether the server has heard of a run."""
        try:
            self.server.api().run(f"local/{self.project}/{run_id}").load()
        except NotFoundError:
            return False
        return True


def readable_rows(data: bytes) -> list[dict[str, Any]]:
    """The rows of all frames that check, with the runtime that their journal tells for them."""
    found, since = [], 0
    for item in scan(data):
        if isinstance(item, Frame) and kind(item.payload) == "run":
            since = parse(item.payload).run.runtime_since or since
        elif isinstance(item, Frame) and kind(item.payload) == "history":
            said = parse(item.payload).history.item
            row = {"".join(i.nested_key) or i.key: json.loads(i.value_json) for i in said}
            found.append(add_runtime(row, since))
    return found
