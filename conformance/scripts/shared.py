"""One of several processes that write to one run in wandb's shared mode."""

from __future__ import annotations

import time
from pathlib import Path

import wandb

from conformance.scripts.telling import options, tell


def main() -> None:
    """Log ``rows`` rows as writer ``rank``; the first one ends last.

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
    for row in rows:
        run.log(row)
        time.sleep(0.02)
    deadline = time.monotonic() + 120
    while not all(Path(name).exists() for name in asked["wait_for"]):
        if time.monotonic() > deadline:
            raise SystemExit("the other writers did not end")
        time.sleep(0.1)
    run.finish()
    tell({"id": run.id, "rows": rows})


if __name__ == "__main__":
    main()
