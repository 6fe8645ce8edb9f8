"""A run with everything that is plain: config, metrics of every kind of value, summary, tags."""

from __future__ import annotations

import math

import numpy as np
import wandb

from conformance.scripts.telling import Telling, options

CONFIG = {
    "lr": 0.001,
    "layers": [64, 32],
    "nested": {"depth": {"deep": True}, "name": "äöü 漢字"},
    "none": None,
    "dotted.key": 1e-300,
    "big": 2**53 + 1,
}


def main() -> None:
    """Log it all, change config and summary on the way, end with success."""
    about = {
        "name": "a name, with ünïcode",
        "notes": "two\nlines",
        "tags": ["first", "second tag"],
        "group": "a group",
        "job_type": "train",
    }
    run = wandb.init(project=options()["project"], id=options().get("id"), config=CONFIG, **about)
    told = Telling(run)
    run.define_metric("lowest", summary="min")
    for step in range(20):
        told.log(
            {
                "loss": math.exp(-step / 7),
                "lowest": abs(step - 12) + 0.5,
                "count": step,
                "large": 10**15 + step,
                "right": step % 2 == 0,
                "text": f"schön {step}",
                "group/inner": {"a": step / 3, "b": {"c": -step}},
                "key with space.and.dots": step,
            }
        )
    told.log({"nan": math.nan, "inf": math.inf, "minus": -math.inf, "tiny": 5e-324})
    told.log({"array": [1, 2.5, -3], "none": None})
    run.log({"numpy": np.float64(0.1), "numpy_int": np.int64(7)})
    told.rows.append({"_step": 22, "numpy": 0.1, "numpy_int": 7})
    told.summary.update({"numpy": 0.1, "numpy_int": 7})
    run.config.update({"later": "yes"})
    run.summary["best"] = 0.25
    told.summary.update({"best": 0.25, "lowest": {"min": 0.5}})
    told.finish(config={**CONFIG, "later": "yes"}, **about)


if __name__ == "__main__":
    main()
