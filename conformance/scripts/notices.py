"""What is said beside the numbers: an alert, and that the machine will be taken away."""

from __future__ import annotations

import wandb

from conformance.scripts.telling import Telling, options


def main() -> None:
    """An alert of each level; the client goes on whatever becomes of them."""
    run = wandb.init(project=options()["project"])
    told = Telling(run)
    alerts = []
    for level in (wandb.AlertLevel.INFO, wandb.AlertLevel.WARN, wandb.AlertLevel.ERROR):
        title, text = f"an alert: {level}", f"with text,\n{level.value} ✓"
        run.alert(title=title, text=text, level=level)
        alerts.append({"title": title, "text": text, "level": level.value})
        told.log({"level": str(level)})
    run.mark_preempting()
    told.log({"after": 1})
    told.finish(alerts=alerts)


if __name__ == "__main__":
    main()
