"""Run a command and take its wall time and the CPU time of all that it started.

`python -m bench.measured OUT LIMIT COMMAND…`: OUT becomes a JSON file with exit_code, wall_s and
cpu_s; after LIMIT seconds the command is killed. Helpers that a command leaves behind (wandb's core
process is one) become children of this process, so that their time is counted too. Where the
system cannot do that (all but Linux), they are not.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer
from time import perf_counter

__all__ = ["main"]

_PR_SET_CHILD_SUBREAPER = 36


def main(out: str, limit_s: float, command: list[str]) -> int:
    """Run ``command``, write ``out``, and return the command's exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    begun = perf_counter()
    child = subprocess.Popen(command, start_new_session=True)
    watch = Timer(limit_s, _kill, [child.pid])
    watch.daemon = True
    watch.start()
    try:
        exit_code = child.wait()
        wall = perf_counter() - begun
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()  # what the command left behind ends by itself or by the time limit
    finally:
        watch.cancel()
        _kill(child.pid)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {"exit_code": exit_code, "wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime}
    Path(out).write_text(json.dumps(result), encoding="utf-8")
    return exit_code


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # all of it has ended
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3:]))
