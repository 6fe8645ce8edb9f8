"""What is said beside the numbers: an alert, and that the machine will be taken away."""

from __future__ import annotations

import wandb

from conformance.scripts.telling import Telling, options


def main() -> None:
    """An alert of each level; the client goes on whatever becomes of them."""
    run = wandb.init(project=options()["project"])
    told = Telling(run)
    for level in (wandb.AlertLevel.INFO, wandb.AlertLevel.WARN, wandb.AlertLevel.ERROR):
        run.alert(title=f"an alert: {level}", text="with text", level=level)
        told.log({"level": str(level)})
    run.mark_preempting()
    told.log({"after": 1})
    told.finish()


if __name__ == "__main__":
    main()
