"""`holdfast sync` and the server killed at random moments, again until done: all of it, once."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processes import Server, environment
from sync.making import make_run, rows
from sync.staging import artifact_record, files_of

from holdfast.rundir import RunDir

_RUNS = 3
_ROWS = 4000
_DONE_SECONDS = 120


class Load:
    """Fresh run folders, as often as asked for, and the check that the server holds them."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder = folder
        self._server = server
        self._number = 0
        self.runs: list[RunDir] = []

    @property
    def folder(self) -> Path:
        return self._folder / f"load{self._number}"

    def fresh(self) -> None:
        """Make a new set: rows in several chunks, small files, files of several parts.

        One of those is staged for an artifact, beside small ones.
        """
        self._number += 1
        staging = self.folder / "staging"
        weights = {
            "weights.bin": os.urandom(9 << 20),
            "small": os.urandom(300_000),
            "c.json": b"{}",
        }
        self.runs = [
            make_run(
                self.folder / "wandb",
                f"load{self._number}r{n}",
                number=n,
                count=_ROWS + n,
                files={
                    "output.log": os.urandom(500),
                    "same.txt": b"the same in every run",
                    f"media/{n}.bin": os.urandom(9 << 20) if n == 0 else os.urandom(300_000),
                },
                records=[artifact_record(staging, weights)] if n == 1 else [],
            )
            for n in range(_RUNS)
        ]

    def check(self) -> None:
        """Rows, files and journals at the server are those on disk, nothing twice."""
        api = self._server.api()
        for number, run_dir in enumerate(self.runs):
            run = api.run(f"local/digits/{run_dir.run_id}")
            assert (run.state, run.proof) == ("finished", "confirmed")
            assert list(run.scan_history()) == rows(_ROWS + number)
            held = {file.name: (file.size, file.digest) for file in run.files()}
            files = {
                path.relative_to(run_dir.files).as_posix(): path
                for path in run_dir.files.rglob("*")
                if path.is_file()
            }
            files.update({file.path: Path(file.places[1]) for file in files_of(run_dir)})
            for name, path in files.items():
                target = run.file(name).download(self._folder / "back", replace=True)
                assert target.read_bytes() == path.read_bytes()
                del held[name]
            assert held == {}
            (journal,) = run.load().to_json()["journals"]
            assert journal["position"] == run_dir.journal.stat().st_size


def start_sync(load: Load, server: Server) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", "sync", "--timeout", "600", str(load.folder)],
        env={**environment(server.config), "HOLDFAST_BASE_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    said, _ = process.communicate(timeout=_DONE_SECONDS)
    assert process.returncode == 0, said.decode()


def timed(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def test_sync_killed(tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    rng = random.Random(f"{crash_seed} sync")
    with Server(tmp_path / "server") as server:
        load = Load(tmp_path, server)
        load.fresh()
        whole = timed(lambda: finish(start_sync(load, server)))
        load.check()
        load.fresh()
        for _ in range(crash_moments):
            process = start_sync(load, server)
            try:
                process.communicate(timeout=rng.uniform(0.1, 1.0) * whole)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            else:  # it was done before its moment came
                assert process.returncode == 0
                load.check()
                load.fresh()
        finish(start_sync(load, server))
        load.check()


def test_server_killed(tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    """One sync goes on through as many deaths of its server as fall into it."""
    rng = random.Random(f"{crash_seed} server")
    with Server(tmp_path / "server") as server:
        load = Load(tmp_path, server)
        load.fresh()
        whole = timed(lambda: finish(start_sync(load, server)))
        load.check()
        kills = 0
        while kills < crash_moments:
            load.fresh()
            process = start_sync(load, server)
            done = threading.Thread(target=process.wait)
            done.start()
            while kills < crash_moments:
                done.join(rng.uniform(0.1, 1.0) * whole)
                if not done.is_alive():
                    break
                server.kill()
                kills += 1
                server.start()
            done.join(_DONE_SECONDS)
            finish(process)
            load.check()
