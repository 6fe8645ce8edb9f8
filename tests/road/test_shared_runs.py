"""A job whose ranks all write one run, offline, through the whole road: one of them is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from processes import Server, environment, holdfast_command

RANK = Path(__file__).with_name("shared_rank.py")
PATH = "local/digits/job"


class Job:
    """Processes of one job in one folder, as its nodes see a shared filesystem."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[int, subprocess.Popen[str]] = {}

    def start(self, ranks: Sequence[int], rows: int) -> None:
        """Start ranks together, and wait until each has logged its rows."""
        variables = {**environment(self.folder / "config"), "HOLDFAST_RUN_ID": "job"}
        for rank in ranks:
            self._processes[rank] = subprocess.Popen(
                [sys.executable, str(RANK), str(rows), str(self.folder / "end")],
                cwd=self.folder,
                env={**variables, "RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        for process in self._processes.values():
            assert process.stdout is not None
            assert "logged" in process.stdout.readline()

    def kill(self, rank: int) -> None:
        """SIGKILL."""
        with self._processes.pop(rank) as process:
            process.kill()

    def end(self) -> None:
        """Let the others come to their end."""
        (self.folder / "end").touch()
        for process in self._processes.values():
            process.communicate(timeout=60)
            assert process.returncode == 0
        self._processes.clear()
        (self.folder / "end").unlink()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    folder = tmp_path / "job"
    folder.mkdir()
    return Job(folder)


def synced(job: Job, server: Server, *words: str) -> Any:
    """The run after a sync of the whole folder."""
    done = holdfast_command("sync", *words, str(job.folder / "wandb"), server=server)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in done.stderr.splitlines():
        assert not line.startswith("✓") or "(rank_" in line, done.stderr
    return server.api().run(PATH)


def rows(run: Any) -> list[tuple[str, int, float]]:
    """Label, step and value of all rows; what a rank logs says its number too."""
    found = []
    for row in run.scan_history():
        rank = row["rank"]
        assert row["_label"] == f"rank_{rank}"
        assert row[f"only_{rank}"] == row["_step"]
        found.append((row["_label"], row["_step"], row["loss"]))
    return found


def logged(*counts: int) -> list[tuple[str, int, float]]:
    """The rows that so many calls of each rank make."""
    ranks = enumerate(counts)
    return [(f"rank_{rank}", step, step / 10) for rank, count in ranks for step in range(count)]


def test_every_row_of_every_rank_arrives_once(job: Job, tmp_path: Path) -> None:
    job.start(range(4), 50)
    job.kill(2)
    with Server(tmp_path / "server") as server:
        live = synced(job, server, "--no-verify")
        assert (live.state, rows(live)) == ("running", logged(50, 50, 50, 50))
        job.end()
        run = synced(job, server)
        assert (run.state, run.proof) == ("crashed", "confirmed")
        assert rows(run) == logged(50, 50, 50, 50)
        journals = run.to_json()["journals"]
        assert {one["label"]: (one["exit_code"], one["writer"]) for one in journals} == {
            "rank_0": (0, "gone"),
            "rank_1": (0, "gone"),
            "rank_2": (None, "gone"),
            "rank_3": (0, "gone"),
        }
        assert len(list(job.folder.glob("wandb/offline-*/*.receipt.json"))) == 4
        assert rows(synced(job, server, "--include-synced")) == rows(run)
        job.start([2], 30)
        job.end()
        run = synced(job, server)
        assert (run.state, run.proof, rows(run)) == (
            "finished",
            "confirmed",
            logged(50, 50, 80, 50),
        )
        assert {f"host_{rank}" for rank in range(4)} <= run.config.keys()
        assert len(run.to_json()["journals"]) == 5
        again = synced(job, server, "--include-synced")
        assert (again.state, rows(again)) == ("finished", logged(50, 50, 80, 50))
        checked = holdfast_command("verify", "--server", str(job.folder), server=server)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        cleaned = synced(job, server, "--clean")
        assert rows(cleaned) == rows(run)
        assert not list(job.folder.glob("wandb/offline-*/*.wandb"))
