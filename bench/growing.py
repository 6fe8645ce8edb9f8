"""`python -m bench.growing FOLDER RUNS SECONDS PERIOD`: so many runs that log now and then.

One process writes them all, each with a writer that is alive: a row every PERIOD to 2 PERIOD
seconds, none at all with PERIOD 0. Says ``ready`` when all have begun, and at the end, as JSON,
when each row was written: ``{run: [Unix seconds, by step]}``. Ends early when its input is closed.
"""

from __future__ import annotations

import heapq
import json
import os
import platform
import random
import resource
import select
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from bench.rows import rows
from bench.tools import PROJECT
from holdfast import rundir
from holdfast.journal import Writer
from holdfast.records import encode

__all__ = ["main"]

_ROWS = 500


def main(words: list[str]) -> int:
    """Write until the time is over."""
    folder, count, seconds, period = Path(words[0]), int(words[1]), float(words[2]), float(words[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    writers = [_begin(folder / "wandb", f"run{number:05}") for number in range(count)]
    print("ready", flush=True)
    chance = random.Random(count)
    start = time.time()
    due = [(start + chance.uniform(0, 2 * period), number) for number in range(count)]
    heapq.heapify(due)
    written: dict[str, list[float]] = {f"run{number:05}": [] for number in range(count)}
    some, encoder = rows(_ROWS), encode.HistoryEncoder()
    while time.time() - start < seconds:
        pause = min(due[0][0] - time.time(), 0.5) if period else 0.5
        if select.select([sys.stdin], [], [], max(0.0, pause))[0]:
            break
        while period and due[0][0] <= time.time():
            at, number = due[0]
            steps = written[f"run{number:05}"]
            row = {**some[len(steps) % _ROWS], "_step": len(steps), "_timestamp": at}
            writers[number].append(encoder.encode(row, len(steps)))
            steps.append(time.time())
            heapq.heapreplace(due, (at + chance.uniform(period, 2 * period), number))
    print(json.dumps(written), flush=True)
    sys.stdin.read()  # the writers live until they are no longer needed
    return 0


def _begin(root: Path, run_id: str) -> Writer:
    run_dir = rundir.create(root, run_id, online=False, now=datetime.now(timezone.utc))
    writer = Writer(run_dir.journal, fsync="never")
    rundir.hold(writer.fileno())
    writer.append(encode.header("bench", host=platform.node(), pid=os.getpid()))
    info = encode.RunInfo(run_id=run_id, project=PROJECT, start_time=time.time())
    writer.append(encode.run(info))
    (run_dir.files / "requirements.txt").write_text("numpy\n")
    return writer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
