"""LightGBM with wandb's callback and summary."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import wandb
from wandb.integration.lightgbm import log_summary, wandb_callback

from conformance.scripts.telling import options, tell

PARAMETERS = {"objective": "regression", "metric": ["l2", "l1"], "num_leaves": 4, "verbosity": -1}


def main() -> None:
    """Boost ten rounds; the truth is LightGBM's own record of its evaluations."""
    chance = np.random.default_rng(13)
    features = chance.normal(size=(200, 5))
    target = features.sum(axis=1)
    train = lightgbm.Dataset(features[:150], target[:150])
    valid = lightgbm.Dataset(features[150:], target[150:], reference=train)
    run = wandb.init(project=options()["project"])
    record: dict[str, dict[str, list[Any]]] = {}
    model = lightgbm.train(
        {**PARAMETERS, "seed": 1},
        train,
        num_boost_round=10,
        valid_sets=[train, valid],
        valid_names=["training", "validation"],
        callbacks=[lightgbm.record_evaluation(record), wandb_callback()],
    )
    log_summary(model, feature_importance=False)
    run.finish()
    rows = [
        {
            "_step": number,
            "iteration": number,
            **{
                f"{data}_{name}": values[number]
                for data, metrics in record.items()
                for name, values in metrics.items()
            },
        }
        for number in range(10)
    ]
    tell(
        {
            "id": run.id,
            "state": "finished",
            "rows": rows,
            "summary_has": {"best_iteration": model.best_iteration, "iteration": 9},
            "config_has": PARAMETERS,
        }
    )


if __name__ == "__main__":
    main()
