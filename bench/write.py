"""One process that writes runs to be synced: `python -m bench.write TOOL FOLDER RUNS STEPS`.

Runs in the environment of the tool. Nothing is timed here.
"""

from __future__ import annotations

import sys

from bench.rows import rows
from bench.tools import start

__all__ = ["METRICS", "main"]

METRICS = 8


def main(tool: str, folder: str, runs: int, steps: int) -> None:
    """Write ``runs`` runs of ``steps`` rows of eight metrics below ``folder``."""
    data = rows(steps, METRICS)
    for _ in range(runs):
        run = start(tool, folder)
        for row in data:
            run.log(row)
        run.finish()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
