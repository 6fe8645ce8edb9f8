"""Playing cells: several at once, each with its folder, against one server or one of its own.

Owns folders, the servers and what becomes of an error. Must not know scenarios.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from conformance.cell import Cell, Lengths
from conformance.clients import Client
from conformance.scenarios import Scenario
from conformance.verdicts import MismatchError, Verdict
from holdfast.errors import HoldfastError
from tests.processes import Server

__all__ = ["Job", "play", "play_one"]


@dataclass(frozen=True)
class Job:
    """One cell that is to be played."""

    scenario: Scenario
    client: Client

    @property
    def folder(self) -> str:
        """Where its logs lie, below the folder of all."""
        return f"{self.client.name}-{self.client.version}/{self.scenario.name}"


def play(jobs: Sequence[Job], home: Path, lengths: Lengths, at_once: int = 2) -> dict[Job, Verdict]:
    """Play all jobs, ``at_once`` at a time; a line on standard error for each.

    Args:
        jobs: what to play.
        home: takes servers and logs; what an earlier call left there is removed.
        lengths: of what is long on purpose.
        at_once: how many clients run side by side.
    """
    shutil.rmtree(home, ignore_errors=True)
    for client in dict.fromkeys(job.client for job in jobs):
        client.python()
    with Server(home / "server") as server, ThreadPoolExecutor(at_once) as pool:

        def one(job: Job) -> Verdict:
            verdict = play_one(job, server, home / job.folder, lengths)
            _say(f"{verdict.outcome:4} {verdict.seconds:6.1f} s  {job.folder}  {verdict.reason}")
            return verdict

        return dict(zip(jobs, pool.map(one, jobs), strict=True))


def play_one(job: Job, server: Server, folder: Path, lengths: Lengths) -> Verdict:
    """Play one job; its logs go to ``folder``, which must not be there yet."""
    lack = job.scenario.lacks(job.client)
    if lack:
        return Verdict("n/a", lack)
    begun = time.monotonic()
    try:
        with _server(job, server, folder) as its:
            _play(job, its, folder, lengths)
    except MismatchError as error:
        return Verdict("fail", str(error), time.monotonic() - begun)
    except Exception as error:  # noqa: BLE001 - a cell that breaks is red and ends no other
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        what = str(error) if isinstance(error, HoldfastError) else repr(error)
        return Verdict("fail", what, time.monotonic() - begun)
    return Verdict("pass", "", time.monotonic() - begun)


def _play(job: Job, server: Server, folder: Path, lengths: Lengths) -> None:
    project = f"{job.scenario.name}-{job.client.version.replace('.', '-')}"
    with Cell(job.client, server, folder, project, lengths) as cell:
        job.scenario.play(cell)
        elsewhere = cell.asked_elsewhere()
    if elsewhere:
        raise MismatchError(f"the client asked other machines: {sorted(set(elsewhere))}")


@contextlib.contextmanager
def _server(job: Job, shared: Server, folder: Path) -> Iterator[Server]:
    folder.mkdir(parents=True)
    if not job.scenario.own_server:
        yield shared
        return
    with Server(folder / "server") as own:
        yield own


def _say(text: str) -> None:
    print(text.replace("\n", "\n    "), file=sys.stderr, flush=True)
