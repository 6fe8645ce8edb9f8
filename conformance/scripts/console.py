"""Printing: lines, both streams, a progress bar, colours, wide characters, long lines."""

from __future__ import annotations

import sys
import time

import wandb

from conformance.scripts.telling import options, tell


def main() -> None:
    """Print as training does, and tell what a terminal would show; last ``last_s`` seconds more."""
    run = wandb.init(project=options()["project"])
    wanted = []
    for number in range(30):
        print(f"line {number}: ünï 漢字")
        wanted.append(f"line {number}: ünï 漢字")
    for percent in range(0, 101, 5):
        print(f"\rprogress {percent:3d} %", end="", flush=True)
        time.sleep(0.02)
    print()
    wanted.append("progress 100 %")
    print("\x1b[31mred\x1b[0m and plain")
    wanted.append("red and plain")
    print("tab\there", "x" * 3000)
    wanted.append("tab\there " + "x" * 3000)
    time.sleep(0.5)
    print("on stderr", file=sys.stderr)
    print("and again on stderr", file=sys.stderr)
    time.sleep(0.5)
    run.log({"loss": 1.0})
    time.sleep(options().get("last_s", 0))
    print("last line")
    wanted.append("last line")
    run.finish()
    tell(
        {
            "id": run.id,
            "state": "finished",
            "rows": [{"_step": 0, "loss": 1.0}],
            "console": {"stdout": wanted, "stderr": ["on stderr", "and again on stderr"]},
        }
    )


if __name__ == "__main__":
    main()
