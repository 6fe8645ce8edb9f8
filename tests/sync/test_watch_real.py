"""`holdfast watch` as a process, beside a real server and real training; all of them are killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import Server, environment, holdfast_command
from sync.making import append_rows, make_run, rows, start_run
from waiting import until

from holdfast.errors import HoldfastError

_TRAINING = """
import sys, time, holdfast
run = holdfast.init(project="digits", id=sys.argv[1], mode="offline")
for step in range(100000):
    run.log({"loss": 1 / (1 + step)})
    time.sleep(0.02)
"""


class Watch:
    """`holdfast watch FOLDER`, its output in a file."""

    def __init__(
        self,
        server: Server,
        folder: Path,
        *options: str,
        before: Callable[[], None] | None = None,
    ) -> None:
        self.log = server.folder / "watch.log"
        env = {**environment(server.config), "HOLDFAST_BASE_URL": server.url}
        env["HOLDFAST_STATE_DIR"] = str(server.folder / "state")
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", "watch", str(folder), *options],
                env=env,
                stdout=out,
                stderr=out,
                preexec_fn=before,
            )

    def said(self, text: str) -> bool:
        return text in self.log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as started:
        yield started


@pytest.fixture
def children() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        if child.poll() is None:
            child.kill()
            child.wait()


def run_at(server: Server, run_id: str) -> Any:
    try:
        return server.api().run(f"local/digits/{run_id}")
    except HoldfastError:
        return None  # not there yet, or the server is away


def status(server: Server, *words: str) -> dict[str, Any]:
    env = {**environment(server.config), "HOLDFAST_BASE_URL": server.url}
    env["HOLDFAST_STATE_DIR"] = str(server.folder / "state")
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "status", "--json", *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_training_server_and_watcher_are_killed_and_all_of_it_arrives(
    tmp_path: Path, server: Server, children: list[subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()

    def train(run_id: str) -> subprocess.Popen[bytes]:
        env = {**environment(server.config), "HOLDFAST_DIR": str(folder), "HOLDFAST_SILENT": "true"}
        child = subprocess.Popen([sys.executable, "-c", _TRAINING, run_id], env=env)
        children.append(child)
        return child

    first = Watch(server, folder)
    children.append(first.process)
    training = train("aaaa")
    until(lambda: (run := run_at(server, "aaaa")) and (run.lastHistoryStep or 0) > 10)
    assert run_at(server, "aaaa").state == "running"
    first.kill()
    second = Watch(server, folder)
    children.append(second.process)
    step = run_at(server, "aaaa").lastHistoryStep
    until(lambda: run_at(server, "aaaa").lastHistoryStep > step + 50)
    server.kill()
    until(lambda: second.said("trying again until it answers"))
    until(lambda: [one for one in status(server)["watchers"] if one["waits_for"]])
    (watcher,) = status(server)["watchers"]
    assert watcher["pid"] == second.process.pid
    training.kill()
    training.wait()
    server.start()
    later = train("bbbb")
    until(lambda: (run := run_at(server, "aaaa")) and run.proof == "confirmed")
    assert run_at(server, "aaaa").state == "crashed"
    until(lambda: (run := run_at(server, "bbbb")) and (run.lastHistoryStep or 0) > 10)
    later.kill()
    later.wait()
    until(lambda: second.said("local/digits/bbbb: confirmed"))
    steps = [row["_step"] for row in run_at(server, "bbbb").scan_history(keys=["loss"])]
    assert steps == list(range(len(steps)))
    assert second.stop() == 0
    assert status(server, str(folder))["folders"][0]["states"] == {"confirmed": 2}


_JOB = """
import time, holdfast
run = holdfast.init(project="digits", mode="offline", resume="auto")
for step in range(run.step, 100000):
    run.log({"loss": 1 / (1 + step)})
    time.sleep(0.02)
"""


def test_a_job_is_preempted_until_it_is_requeued(
    tmp_path: Path, server: Server, children: list[subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    env = {**environment(server.config), "HOLDFAST_DIR": str(folder), "HOLDFAST_SILENT": "true"}
    env |= {"SLURM_JOB_ID": "17"}

    def start() -> subprocess.Popen[bytes]:
        children.append(subprocess.Popen([sys.executable, "-c", _JOB], env=env))
        return children[-1]

    def run() -> Any:
        try:
            return next(iter(server.api().runs("local/digits")), None)
        except HoldfastError:
            return None  # no project yet

    children.append(Watch(server, folder).process)
    first = start()
    until(lambda: (one := run()) and one.state == "running" and (one.lastHistoryStep or 0) > 5)
    first.terminate()
    assert first.wait() == -signal.SIGTERM
    until(lambda: run().state != "running")
    assert run().state == "preempted"
    assert len(server.api().runs("local/digits", {"state": "preempted"})) == 1
    until(lambda: run().proof == "confirmed")
    step = run().lastHistoryStep
    second = start()
    until(lambda: run().state == "running" and run().lastHistoryStep > step + 5)
    second.kill()
    second.wait()
    until(lambda: run().state != "running")
    assert run().state == "crashed"
    until(lambda: run().proof == "confirmed")
    assert len(server.api().runs("local/digits")) == 1
    steps = [row["_step"] for row in run().scan_history(keys=["loss"])]
    assert steps == list(range(len(steps)))


def test_many_folders_need_no_more_open_files_than_few(
    tmp_path: Path, server: Server, children: list[subprocess.Popen[bytes]]
) -> None:
    """A process that may have fewer files open than there are runs that grow."""
    folder, ids = tmp_path / "scratch", [f"r{number:03}" for number in range(150)]
    started = [start_run(folder / "wandb", run_id, number=n) for n, run_id in enumerate(ids)]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    watch = Watch(server, folder, before=limit)
    children.append(watch.process)

    def rows_there() -> list[int]:
        try:
            runs = server.api().runs("local/digits")
            return [run.lastHistoryStep for run in runs]
        except HoldfastError:
            return []  # no project yet

    for first in (0, 3):
        for _, writer in started:
            append_rows(writer, rows(3, first=first))
        until(lambda: rows_there() == [first + 2] * len(ids))  # noqa: B023 - called here only
    assert watch.process.poll() is None
    for _, writer in started:
        writer.close()
    until(lambda: status(server)["watchers"][0]["states"] == {"confirmed": len(ids)})
    assert watch.stop() == 0
    assert not watch.said("Too many open files")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_quickly_while_a_slow_upload_is_under_way(
    tmp_path: Path, server: Server, number: int, children: list[subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "scratch"
    make_run(folder / "wandb", "aaaa", files={"big.bin": os.urandom(3_000_000)})
    watch = Watch(server, folder, "--bandwidth", "200K")
    children.append(watch.process)
    until(lambda: run_at(server, "aaaa") is not None)  # metrics are not held up
    until(lambda: status(server)["watchers"])
    (one,) = status(server)["watchers"]
    until(lambda: status(server)["watchers"][0]["states"] == {"ending": 1})
    assert one["paths"] == [str(folder)]
    start = time.monotonic()
    assert watch.stop(number) == 0
    assert time.monotonic() - start < 5
    assert run_at(server, "aaaa").proof == "arriving"
    done = holdfast_command("sync", str(folder), server=server)
    assert done.returncode == 0, done.stderr


def test_status_without_a_watcher_looks_at_the_folders(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "scratch"
    run_dir = make_run(folder / "wandb", "aaaa", files={"a.txt": b"12345"})
    (found,) = status(server, str(folder))["folders"]
    assert found["states"] == {"pending": 1}
    assert found["pending"] == run_dir.journal.stat().st_size + 5
    assert holdfast_command("sync", str(folder), server=server).returncode == 0
    (found,) = status(server, str(folder))["folders"]
    assert (found["states"], found["pending"]) == ({"confirmed": 1}, 0)
    shown = holdfast_command("status", str(folder), server=server)
    assert "1 confirmed" in shown.stdout
    assert holdfast_command("status", str(tmp_path / "none"), server=server).returncode == 8
