"""`python -m bench.growing FOLDER RUNS SECONDS PERIOD SILENT ENDED`: runs of a cluster.

One process writes them all: RUNS that log a row every PERIOD to 2 PERIOD seconds, SILENT whose
writer is alive and logs nothing more, ENDED that have said so, the oldest. Says ``ready`` when all
have begun, and at the end, as JSON, when each row was written: ``{run: [Unix seconds, by step]}``.
Ends early when its input is closed.
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
_LAST_ROWS = 10


def main(words: list[str]) -> int:
    """Write until the time is over."""
    folder, count, seconds, period = Path(words[0]), int(words[1]), float(words[2]), float(words[3])
    silent, ended = int(words[4]), int(words[5])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    written: dict[str, list[float]] = {}
    for number in range(ended):
        written[f"ended{number:05}"] = _end(_begin(folder / "wandb", f"ended{number:05}"))
    quiet = [_begin(folder / "wandb", f"silent{number:05}") for number in range(silent)]
    written |= {f"silent{number:05}": [] for number in range(len(quiet))}
    writers = [_begin(folder / "wandb", f"run{number:05}") for number in range(count)]
    print("ready", flush=True)
    chance = random.Random(count)
    start = time.time()
    due = [(start + chance.uniform(0, 2 * period), number) for number in range(count)]
    heapq.heapify(due)
    written |= {f"run{number:05}": [] for number in range(count)}
    some, encoder = rows(_ROWS), encode.HistoryEncoder()
    while time.time() - start < seconds:
        pause = min(due[0][0] - time.time(), 0.5)
        if select.select([sys.stdin], [], [], max(0.0, pause))[0]:
            break
        while due[0][0] <= time.time():
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


def _end(writer: Writer) -> list[float]:
    encoder = encode.HistoryEncoder()
    for step, row in enumerate(rows(_LAST_ROWS)):
        row = {**row, "_step": step, "_timestamp": time.time()}
        writer.append(encoder.encode(row, step))
    writer.append(encode.exit_record(0, 1))
    writer.close()
    return [time.time()] * _LAST_ROWS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
