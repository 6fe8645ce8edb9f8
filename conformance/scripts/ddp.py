"""A launcher and its ranks, as in distributed training: one run for each rank, one group."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import wandb

from conformance.scripts.telling import Telling, options, tell

RANKS = 3
ROWS = 50


def main() -> None:
    """Start the ranks, wait for all, and log from the launcher too."""
    os.environ["WANDB_RUN_GROUP"] = "a-ddp-group"
    told = Telling(wandb.init(project=options()["project"], job_type="launcher"))
    context = multiprocessing.get_context("spawn")
    with context.Pool(RANKS) as pool:
        truths = pool.map(rank_main, range(RANKS))
    told.log({"ranks": RANKS})
    truths.append(told.finish(group="a-ddp-group", job_type="launcher"))
    tell({"runs": truths})


def rank_main(rank: int) -> dict[str, Any]:
    """What each rank runs."""
    os.environ.update({"RANK": str(rank), "WORLD_SIZE": str(RANKS)})
    run = wandb.init(
        project=options()["project"],
        name=f"rank {rank}",
        job_type="rank",
        config={"rank": rank},
        reinit=True,
    )
    told = Telling(run)
    for step in range(ROWS):
        told.log({"loss": (rank + 1) / (step + 1), "rank": rank})
    return told.finish(
        group="a-ddp-group", job_type="rank", name=f"rank {rank}", config={"rank": rank}
    )


if __name__ == "__main__":
    main()
