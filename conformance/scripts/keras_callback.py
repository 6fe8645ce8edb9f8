"""Keras with wandb's WandbMetricsLogger."""

from __future__ import annotations

import keras
import numpy as np
import wandb
from wandb.integration.keras import WandbMetricsLogger

from conformance.scripts.telling import options, tell


def main() -> None:
    """Fit four epochs; the truth is the History that Keras gives back."""
    keras.utils.set_random_seed(5)
    run = wandb.init(project=options()["project"], config={"units": 8})
    model = keras.Sequential([keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", metrics=["mae"])
    features = np.random.default_rng(1).normal(size=(64, 4))
    done = model.fit(
        features,
        features.sum(axis=1),
        validation_split=0.25,
        epochs=4,
        verbose=0,
        callbacks=[WandbMetricsLogger()],
    )
    run.finish()
    rows = [
        {
            "_step": epoch,
            "epoch/epoch": epoch,
            "epoch/learning_rate": float(np.float32(0.01)),
            **{f"epoch/{key}": values[epoch] for key, values in done.history.items()},
        }
        for epoch in range(4)
    ]
    tell({"id": run.id, "state": "finished", "rows": rows, "config": {"units": 8}})


if __name__ == "__main__":
    main()
