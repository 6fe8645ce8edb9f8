"""Reading whole histories with wandb's own public API, by the file of all rows where there is one.

Tells what each way gave, and where the file lies.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import wandb

from conformance.scripts.telling import Telling, options, tell

ROWS = 40
FOLDER = Path("exports")


def main() -> None:
    """Log a run of which each row has each key, one with holes, one that is resumed; read all."""
    truths = {"whole": write("whole"), "holes": write("holes"), "resumed": write("resumed")}
    read_before = read("resumed")
    more = write("resumed", first=ROWS, how={"resume": "must"})
    truths["resumed"]["rows"] += more["rows"]
    tell(
        {
            "truths": truths,
            "read": {name: read(name) for name in truths},
            "read_before": read_before,
            "downloaded": {name: downloaded(name) for name in truths},
        }
    )


def write(run_id: str, first: int = 0, how: Any = None) -> dict[str, Any]:
    """A run with values of each kind that a column can have."""
    run = wandb.init(project=options()["project"], id=run_id, reinit=True, **(how or {}))
    told = Telling(run, first)
    for step in range(first, first + ROWS):
        values = {"loss": 1 / (step + 1), "n": step, "even": step % 2 == 0, "text": f"row {step}"}
        odd = {"odd": [math.nan, math.inf, -math.inf, 0.5][step % 4], "dotted.key": step * 2}
        rare = {"rare": step, "deep": {"in": step}} if run_id == "holes" and step % 10 == 5 else {}
        told.log({**values, **odd, **rare})
    return told.finish()


def read(run_id: str) -> dict[str, list[dict[str, Any]]]:
    """The scans of a run, with its default cache."""
    run = wandb.Api().run(f"{options()['project']}/{run_id}")
    scan = run.beta_scan_history
    return {
        "all": list(scan()),
        "pages": list(scan(page_size=7)),
        "part": list(scan(min_step=10, max_step=20)),
        "some keys": list(scan(keys=["_step", "n", "text"])),
    }


def downloaded(run_id: str) -> str:
    """The path of the file of all rows; or the name of the error."""
    run = wandb.Api().run(f"{options()['project']}/{run_id}")
    FOLDER.mkdir(exist_ok=True)
    try:
        [path] = run.download_history_exports(FOLDER).paths
    except Exception as error:  # noqa: BLE001 - which one it is, is what the scenario asks
        return type(error).__name__
    return str(path)


if __name__ == "__main__":
    main()
