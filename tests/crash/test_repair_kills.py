"""A repair killed at random moments: the damaged journal is there, whole, and a second one ends."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from sync.making import make_run

from holdfast.journal import Frame, Reader
from holdfast.rundir.quarantine import quarantined


def test_the_damaged_journal_survives(tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    moments = random.Random(crash_seed)
    command = [sys.executable, "-m", "holdfast", "repair"]
    for number in range(crash_moments):
        run_dir = make_run(tmp_path, f"r{number}", number=number, count=20_000)
        data = bytearray(run_dir.journal.read_bytes())
        data[len(data) // 2] ^= 0xFF
        run_dir.journal.write_bytes(data)
        process = subprocess.Popen([*command, str(run_dir.path)], stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0.1, 1.2))  # the moment of the kill, not a wait for anything
        process.kill()
        process.wait()
        there = [run_dir.journal, *quarantined(run_dir)]
        assert bytes(data) in [path.read_bytes() for path in there]
        assert subprocess.run([*command, str(run_dir.path)], check=False).returncode == 0
        assert [path.read_bytes() for path in quarantined(run_dir)] == [bytes(data)]
        with run_dir.journal.open("rb") as file:
            items = list(Reader(file))
        assert all(isinstance(item, Frame) for item in items)
        assert len(items) >= 20_000
        assert [path.name for path in run_dir.path.iterdir() if path.name.startswith(".")] == []
