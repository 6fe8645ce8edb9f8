"""What `holdfast watch` costs: thousands of runs that grow, followed into a fresh server.

    python -m bench.watch_rounds 500 --silent 1500 --ended 8000

takes the figures of one fleet alone, and prints them.

Four processes: the runs' writer (`bench.growing`), the watcher, the server, and this one, which
asks the server once a second how far each run is. So what is called visible was seen by one who
asks once a second; the asking is part of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.children import ChildError, Served, surroundings
from bench.figures import Samples
from bench.gateway import API_KEY, ENTITY, holdfast_server
from bench.tools import PROJECT

__all__ = ["Fleet", "watch_rounds"]

_SETTLE_S = 300.0
_LOOK_S = 0.1
_TICK_S = 0.01  # times of CPU are told in steps of this


@dataclass(frozen=True)
class Fleet:
    """How much is followed: runs, seconds of growing, seconds of rest, the least between rows.

    Beside the runs that grow: those whose writers live and say nothing, and those that have ended.
    """

    runs: int
    growing_s: float
    idle_s: float
    period_s: float
    silent: int = 0
    ended: int = 0

    @property
    def all(self) -> int:
        """How many folders there are."""
        return self.runs + self.silent + self.ended

    def __str__(self) -> str:
        return f"{self.runs:,} runs with a row every {self.period_s:g} to {2 * self.period_s:g} s"


def watch_rounds(samples: Samples, folder: Path, fleet: Fleet) -> None:
    """Follow a fleet once and add what it took.

    Raises:
        ChildError: not all of it arrived.
    """
    home = folder / "watch"
    home.mkdir()
    with holdfast_server(home) as server:
        writer = _growing(home, fleet)
        watcher = _watcher(home, server)
        try:
            samples.add("holdfast", _measure(server, writer, watcher, fleet, home))
        finally:
            for process in (watcher, writer):
                process.terminate()
                process.wait(30)


def _growing(home: Path, fleet: Fleet) -> subprocess.Popen[str]:
    # It grows until its input is closed.
    words = [str(home / "runs"), str(fleet.runs), "86400", str(fleet.period_s)]
    words += [str(fleet.silent), str(fleet.ended)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.growing", *words],
        env={**surroundings(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise ChildError("the writer of growing runs did not start")
    return process


def _watcher(home: Path, server: Served) -> subprocess.Popen[str]:
    keys = {"HOLDFAST_BASE_URL": server.address, "HOLDFAST_API_KEY": API_KEY}
    keys["HOLDFAST_STATE_DIR"] = str(home / "state")
    with (home / "watch.log").open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "holdfast", "watch", str(home / "runs")],
            env={**surroundings(home), "PYTHONPATH": os.pathsep.join(sys.path), **keys},
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _measure(
    server: Served,
    writer: subprocess.Popen[str],
    watcher: subprocess.Popen[str],
    fleet: Fleet,
    home: Path,
) -> dict[str, float]:
    limit = max(_SETTLE_S, fleet.all / 10)
    _until(lambda: len(_last_steps(server)) >= fleet.all, "not all runs arrived", limit)
    _until(lambda: _confirmed(home) >= fleet.ended, "not all runs were confirmed", limit)
    process = psutil.Process(watcher.pid)
    seen: dict[str, list[tuple[float, int]]] = {}
    begin, cpu, server_cpu = time.time(), _cpu(process), server.cpu_s()
    most = _Most(process)
    while (now := time.time()) < begin + fleet.growing_s:
        _note(seen, _last_steps(server))
        most.look_until(now + 1.0)
    busy = (_cpu(process) - cpu) / (time.time() - begin)
    server_busy = (server.cpu_s() - server_cpu) / (time.time() - begin)
    written = _end(writer)
    last = {run: len(steps) - 1 for run, steps in written.items()}
    _until(lambda: _noted(seen, _last_steps(server)) == last, "not all rows arrived", limit)
    late = sorted(_delays(written, seen, begin))
    most.look_until(time.time() + fleet.idle_s)  # the last files are looked at meanwhile
    idle, cpu = time.time(), _cpu(process)
    time.sleep(fleet.idle_s)
    return {
        "watch_p50_s": late[len(late) // 2],
        "watch_p99_s": late[int(len(late) * 0.99)],
        "watch_max_s": late[-1],
        "watch_mb": most.memory / 1e6,
        "watch_files": most.files,
        "watch_threads": process.num_threads(),
        "watch_busy_cores": busy,
        "watch_idle_cores": max(_TICK_S, _cpu(process) - cpu) / (time.time() - idle),
        "watch_server_cores": server_busy,
    }


class _Most:
    """The most memory and the most open files that a process was seen with."""

    def __init__(self, process: psutil.Process) -> None:
        self.memory = self.files = 0
        self._process = process

    def look_until(self, end: float) -> None:
        while (left := end - time.time()) > 0:
            time.sleep(min(left, _LOOK_S))
            self.memory = max(self.memory, self._process.memory_info().rss)
            self.files = max(self.files, self._process.num_fds())


def _confirmed(home: Path) -> int:
    """How many runs the watcher has noted as confirmed."""
    (note,) = (home / "state").glob("watch-*.json")
    found: int = json.loads(note.read_text(encoding="utf-8"))["states"].get("confirmed", 0)
    return found


def _end(writer: subprocess.Popen[str]) -> dict[str, list[float]]:
    """Let the runs rest, their writers alive; returns when each row was written."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write("\n")
    writer.stdin.flush()
    said: dict[str, list[float]] = json.loads(writer.stdout.readline())
    return said


def _delays(
    written: Mapping[str, list[float]], seen: Mapping[str, list[tuple[float, int]]], begin: float
) -> list[float]:
    """How long after it was written each row was seen, for rows written since ``begin``."""
    found = []
    for run, times in written.items():
        looks = iter(seen[run])
        look = next(looks)
        for step, at in enumerate(times):
            while look[1] < step:
                look = next(looks)
            if at >= begin:
                found.append(look[0] - at)
    return found


def _note(seen: dict[str, list[tuple[float, int]]], steps: Mapping[str, int]) -> None:
    now = time.time()
    for run, step in steps.items():
        looks = seen.setdefault(run, [])
        if not looks or looks[-1][1] != step:
            looks.append((now, step))


def _noted(seen: dict[str, list[tuple[float, int]]], steps: dict[str, int]) -> dict[str, int]:
    _note(seen, steps)
    return steps


def _last_steps(server: Served) -> dict[str, int]:
    """The last step of every run; -1 for none."""
    found: dict[str, int] = {}
    after = ""
    while True:
        said = _ask(server, f"projects/{ENTITY}/{PROJECT}/runs?limit=1000{after}")
        for run in said["runs"]:
            step = run["last_step"]
            found[run["run_id"]] = -1 if step is None else step
        if not said["next"]:
            return found
        after = f"&after={urllib.request.quote(said['next'])}"  # type: ignore[attr-defined]


def _ask(server: Served, path: str) -> Any:
    request = urllib.request.Request(
        f"{server.address}/api/v1/{path}", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # no run has arrived yet
            return {"runs": [], "next": None}
        raise


def _until(what: Any, else_: str, limit: float) -> None:
    deadline = time.monotonic() + limit
    while not what():
        if time.monotonic() > deadline:
            raise ChildError(else_)
        time.sleep(1.0)


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.watch_rounds")
    parser.add_argument("growing", type=int)
    for name, default in (("silent", 0), ("ended", 0), ("seconds", 60), ("idle", 20)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    parser.add_argument("--period", type=float, default=10.0, metavar="SECONDS")
    said = parser.parse_args(words)
    samples = Samples()
    times = (float(said.seconds), float(said.idle), said.period)
    fleet = Fleet(said.growing, *times, silent=said.silent, ended=said.ended)
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        watch_rounds(samples, Path(folder), fleet)
    for key, values in samples.values["holdfast"].items():
        print(f"{key:20} {values[0]:8.2f}")


if __name__ == "__main__":
    _main(sys.argv[1:])
