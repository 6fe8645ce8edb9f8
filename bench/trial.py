"""One process that logs one run and times each call: `python -m bench.trial TOOL FOLDER ROWS OUT`.

Runs in the environment of the tool, so it needs the standard library and the tool only. OUT is a
JSON file: init_ms, log_us (calls one after another, after a warm-up), paced_us (calls with a pause
before each, as between the steps of a training), finish_ms.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from time import perf_counter_ns, sleep

from bench.rows import Row, rows
from bench.tools import Run, start

__all__ = ["main"]

_WARM_UP = 200
_PACED = 200
_PAUSE_S = 0.003


def main(tool: str, folder: str, count: int, out: str) -> None:
    """Log a warm-up, ``count`` rows at full speed, some at a pace; write the times to ``out``."""
    data = rows(_WARM_UP + count)
    importlib.import_module(
        tool
    )  # its time is taken elsewhere, in an interpreter with nothing in it
    begun = perf_counter_ns()
    run = start(tool, folder)
    ready = perf_counter_ns()
    for row in data[:_WARM_UP]:
        run.log(row)
    times = _timed(run, data[_WARM_UP:])
    paced = [_timed_after_pause(run, row) for row in data[:_PACED]]
    logged = perf_counter_ns()
    run.finish()
    ended = perf_counter_ns()
    result = {
        "init_ms": (ready - begun) / 1e6,
        "log_us": [nanoseconds / 1e3 for nanoseconds in times],
        "paced_us": [nanoseconds / 1e3 for nanoseconds in paced],
        "finish_ms": (ended - logged) / 1e6,
    }
    Path(out).write_text(json.dumps(result), encoding="utf-8")


def _timed(run: Run, data: list[Row]) -> list[int]:
    times = [0] * len(data)
    log = run.log
    for number, row in enumerate(data):
        before = perf_counter_ns()
        log(row)
        times[number] = perf_counter_ns() - before
    return times


def _timed_after_pause(run: Run, row: Row) -> int:
    sleep(_PAUSE_S)
    before = perf_counter_ns()
    run.log(row)
    return perf_counter_ns() - before


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
