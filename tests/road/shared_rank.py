"""One rank of a job whose ranks all write one run; killed, or told to end, from outside.

Arguments: rows to log, and a file whose presence says that it may end.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import holdfast


def main() -> None:
    rows, may_end = int(sys.argv[1]), Path(sys.argv[2])
    run = holdfast.init(
        project="digits",
        mode="shared",
        resume="allow",
        config={f"host_{os.environ['RANK']}": os.getpid()},
        settings={"disable_git": True, "disable_stats": True},
    )
    rank = int(os.environ["RANK"])
    begun = run.step
    for step in range(begun, begun + rows):
        run.log({"rank": rank, "loss": step / 10, f"only_{rank}": step})
    print(f"rank {rank} logged rows {begun} to {run.step - 1}", flush=True)
    while not may_end.exists():
        time.sleep(0.01)


if __name__ == "__main__":
    main()
