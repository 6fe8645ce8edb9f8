"""`holdfast run`: real commands, real signals, a real server that is there or not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import Server, environment
from sync.making import make_run

_LOGS = """
import os, sys, holdfast
assert os.environ["WANDB_MODE"] == "offline"
run = holdfast.init(project="digits", id=sys.argv[1])
run.log({"loss": 1.0})
"""
_RANKS = """
import os, subprocess, sys
log = "import holdfast; holdfast.init(project='digits', id='shared').log({'loss': 1.0})"
for rank in "01":
    subprocess.run([sys.executable, "-c", log], env={**os.environ, "RANK": rank}, check=True)
"""
_WAITS = """
import signal, sys, time, holdfast
run = holdfast.init(project="digits", id="aaaa")
run.log({"loss": 1.0})
def heard(number, frame):
    print("heard", number, flush=True)
    if number == signal.SIGTERM:
        run.finish(0)
        sys.exit(7)
signal.signal(signal.SIGUSR1, heard)
signal.signal(signal.SIGTERM, heard)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as started:
        yield started


def start(
    server: Server, folder: Path, *words: str, url: str = "", script: str = _LOGS, mode: str = ""
) -> subprocess.Popen[str]:
    env = {**environment(server.config), "HOLDFAST_BASE_URL": url or server.url}
    env["HOLDFAST_MODE"] = mode
    env |= {"HOLDFAST_SILENT": "true", "HOLDFAST_STATE_DIR": str(folder / "state")}
    given = words or ("--", sys.executable, "-c", script, folder.name)
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", "run", *given],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / f"r{time.time_ns()}"
    path.mkdir()
    return path


@pytest.mark.parametrize(("end", "code"), [("", 0), ("sys.exit(3)", 3), ("1/0", 1)])
def test_the_run_is_sent_and_the_exit_code_passed_on(
    server: Server, folder: Path, end: str, code: int
) -> None:
    make_run(folder / "wandb", "older")
    child = start(server, folder, script=_LOGS + end)
    _, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert f"local/digits/{folder.name}: confirmed (1 row" in err
    assert "older" not in err
    run = server.api().run(f"local/digits/{folder.name}")
    assert run.state == ("failed" if code else "finished")


def test_a_command_that_is_killed(server: Server, folder: Path) -> None:
    script = _LOGS + "os.kill(os.getpid(), 9)"
    child = start(server, folder, script=script)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 128 + 9
    assert "confirmed (1 row" in err
    assert server.api().run(f"local/digits/{folder.name}").state == "crashed"


def test_signals_are_passed_on(server: Server, folder: Path) -> None:
    child = start(server, folder, script=_WAITS)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGUSR1)
    assert child.stdout.readline() == f"heard {signal.SIGUSR1:d}\n"
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (7, f"heard {signal.SIGTERM:d}\n")
    assert "local/digits/aaaa: confirmed (1 row" in err


def test_a_server_that_is_away_makes_it_wait_for_seconds_only(server: Server, folder: Path) -> None:
    start_time = time.monotonic()
    url = "http://127.0.0.1:9"
    child = start(server, folder, url=url)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "queued: no API key" in err
    env = {**environment(server.config), "HOLDFAST_BASE_URL": url, "HOLDFAST_API_KEY": "k" * 30}
    env |= {"HOLDFAST_SILENT": "true", "HOLDFAST_STATE_DIR": str(folder / "state")}
    done = subprocess.run(
        [sys.executable, "-m", "holdfast", "run", sys.executable, "-c", _LOGS, "later"],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "the runs are queued: " in done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert "nothing sends them by itself; `holdfast sync " in done.stderr
    assert time.monotonic() - start_time < 40


def test_what_cannot_be_run(server: Server, folder: Path) -> None:
    child = start(server, folder, "--", "no-such-command-at-all")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 127
    assert "cannot run no-such-command-at-all" in err
    child = start(server, folder, "--", str(folder))
    child.communicate(timeout=60)
    assert child.returncode == 126
    child = start(server, folder, "--")
    child.communicate(timeout=60)
    assert child.returncode == 2


def test_options_of_the_command_are_its_own(server: Server, folder: Path) -> None:
    child = start(server, folder, "--", sys.executable, "-c", "import sys; print(sys.argv[1:])",
                  "--limit", "x", "--", "-v")  # fmt: skip
    out, _ = child.communicate(timeout=60)
    assert out == "['--limit', 'x', '--', '-v']\n"


def test_a_job_whose_ranks_write_one_run(server: Server, tmp_path: Path) -> None:
    child = start(server, tmp_path, script=_RANKS, mode="shared")
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, out + err
    run = server.api().run("local/digits/shared")
    assert [(row["_label"], row["loss"]) for row in run.scan_history()] == [
        ("rank_0", 1.0),
        ("rank_1", 1.0),
    ]
    assert (run.state, run.proof) == ("finished", "confirmed")
