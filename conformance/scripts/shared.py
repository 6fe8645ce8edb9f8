"""One of several processes that write to one run in wandb's shared mode."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import wandb

from conformance.scripts.telling import options, tell


def main() -> None:
    """Log ``rows`` rows and print as writer ``rank``; the one that waits reads the console.

    Options: ``id``, ``rank``, ``rows``, ``wait_for`` (a file that says that the others are done).
    """
    asked = options()
    rank = asked["rank"]
    settings = wandb.Settings(
        mode="shared",
        x_primary=rank == 0,
        x_label=f"rank_{rank}",
        x_update_finish_state=rank == 0,
    )
    run = wandb.init(project=asked["project"], id=asked["id"], settings=settings)
    rows = [{"rank": rank, "value": i / 3, f"only_{rank}": i} for i in range(asked["rows"])]
    print(f"[{rank}] printed")
    for row in rows:
        run.log(row)
        time.sleep(0.02)
    deadline = time.monotonic() + 120
    while not all(Path(name).exists() for name in asked["wait_for"]):
        if time.monotonic() > deadline:
            raise SystemExit("the other writers did not end")
        time.sleep(0.1)
    run.finish()
    tell({"id": run.id, "rows": rows, "console": console(run) if asked["wait_for"] else None})


def console(run: Any) -> list[tuple[str, str]] | None:
    """Label and text of each line, as the client reads them; None where it cannot."""
    read = wandb.Api().run(f"{run.entity}/{run.project}/{run.id}")
    if not hasattr(read, "console_logs"):
        return None
    return [(line.label, line.content) for line in read.console_logs()]


if __name__ == "__main__":
    main()
