"""Training killed at random moments: each `log` that returned is on the server, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command

TRAINER = Path(__file__).with_name("trainer.py")
STYLES = ("plain", "steps", "parts")


def killed_after(seconds: float, folder: Path, run_id: str, style: str) -> list[tuple[int, Any]]:
    """Train until killed; what the child said it had logged."""
    command = [sys.executable, str(TRAINER), str(folder), run_id, style]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as child:
        assert child.stdout is not None
        said = b""
        os.set_blocking(child.stdout.fileno(), False)
        started = time.monotonic()
        deadline = None
        while deadline is None or time.monotonic() < deadline:
            said += child.stdout.read() or b""
            if deadline is None and (said or time.monotonic() - started > 30):
                deadline = time.monotonic() + seconds
            time.sleep(0.001)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.set_blocking(child.stdout.fileno(), True)
        said += child.stdout.read()
    whole = said[: said.rfind(b"\n") + 1]
    return [tuple(json.loads(line)) for line in whole.splitlines()]


def merged(logged: list[tuple[int, Any]]) -> dict[int, dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    for step, row in logged:
        rows.setdefault(step, {}).update(row)
    return rows


@pytest.mark.parametrize("style", STYLES)
def test_every_log_that_returned_arrives_once(
    style: str, tmp_path: Path, crash_moments: int, crash_seed: int
) -> None:
    rng = random.Random(f"{crash_seed} {style}")
    truth = {}
    for number in range(crash_moments):
        run_id = f"{style}{number:03}"
        # A third at once after the first row, the others up to a second later.
        seconds = rng.choice((0.0, rng.random() * 0.2, rng.random()))
        truth[run_id] = merged(killed_after(seconds, tmp_path, run_id, style))
    with Server(tmp_path / "server") as server:
        result = holdfast_command("sync", str(tmp_path / "wandb"), server=server)
        assert result.returncode == 0, result.stdout + result.stderr
        for run_id, rows in truth.items():
            run = server.api().run(f"local/kills/{run_id}")
            assert run.state == "crashed"
            found = list(run.scan_history())
            steps = [row["_step"] for row in found]
            assert steps == sorted(set(steps)), f"{run_id}: a step twice or out of order"
            # One more call may have been written and killed before it could say so.
            assert set(rows) <= set(steps)
            assert len(steps) <= len(rows) + 1
            by_step = {row["_step"]: row for row in found}
            for step, row in rows.items():
                there = by_step[step]
                assert {key: there[key] for key in row} == row
