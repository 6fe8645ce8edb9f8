"""XGBoost with wandb's callback."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import wandb
import xgboost
from wandb.integration.xgboost import WandbCallback

from conformance.scripts.telling import options, tell


def main() -> None:
    """Boost ten rounds; the truth is XGBoost's own record of its evaluations."""
    chance = np.random.default_rng(11)
    features = chance.normal(size=(200, 5))
    target = features.sum(axis=1) + chance.normal(scale=0.1, size=200)
    train = xgboost.DMatrix(features[:150], target[:150])
    valid = xgboost.DMatrix(features[150:], target[150:])
    run = wandb.init(project=options()["project"], config={"rounds": 10})
    record: dict[str, dict[str, list[Any]]] = {}
    model = xgboost.train(
        {"max_depth": 2, "eta": 0.3, "eval_metric": ["rmse", "mae"], "seed": 1},
        train,
        num_boost_round=10,
        evals=[(train, "train"), (valid, "valid")],
        evals_result=record,
        verbose_eval=False,
        early_stopping_rounds=20,
        callbacks=[WandbCallback()],
    )
    run.finish()
    rows = [
        {
            "_step": epoch,
            "epoch": epoch,
            **{
                f"{data}-{name}": values[epoch]
                for data, metrics in record.items()
                for name, values in metrics.items()
            },
        }
        for epoch in range(10)
    ]
    best = {"best_score": model.best_score, "best_iteration": model.best_iteration}
    learner = json.loads(model.save_config())["learner"]
    tell(
        {
            "id": run.id,
            "state": "finished",
            "rows_have": [*rows, best],
            "summary_has": best,
            "config_has": {"rounds": 10, "learner": {"objective": learner["objective"]}},
        }
    )


if __name__ == "__main__":
    main()
