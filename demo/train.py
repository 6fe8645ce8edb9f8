"""Train one small model on scikit-learn's handwritten digits and log it, offline.

    python demo/train.py MODEL FOLDER        MODEL is linear, network or forest

What every `log` was given is also written to FOLDER/truth/MODEL.jsonl after `log` has returned,
so that the demo can compare the server's rows with it, also for a run that was killed.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import holdfast

CONFIGS: dict[str, dict[str, Any]] = {
    "linear": {"model": "linear", "epochs": 60, "optimizer": {"name": "sgd", "alpha": 1e-4}},
    "network": {
        "model": "network",
        "epochs": 80,
        "hidden": [64, 32],
        "optimizer": {"name": "adam", "lr": 1e-3, "batch_size": 64},
    },
    "forest": {"model": "forest", "trees": 120, "max_depth": 12},
}


class Data:
    """The digits: 1,797 images of 8 x 8 pixels, a quarter kept for validation."""

    def __init__(self) -> None:
        pixels, labels = load_digits(return_X_y=True)
        self.train_x, self.val_x, self.train_y, self.val_y = train_test_split(
            pixels / 16.0, labels, test_size=0.25, random_state=0, stratify=labels
        )
        self.classes = np.unique(labels)

    def scores(self, model: Any) -> dict[str, float]:
        """Loss and accuracy on both parts."""
        scores = {}
        for part, x, y in (
            ("train", self.train_x, self.train_y),
            ("val", self.val_x, self.val_y),
        ):
            chances = np.clip(model.predict_proba(x), 1e-9, 1)
            chances /= chances.sum(axis=1, keepdims=True)
            scores[f"{part}/loss"] = float(log_loss(y, chances, labels=self.classes))
            scores[f"{part}/accuracy"] = float(accuracy_score(y, chances.argmax(axis=1)))
        return scores


def train_linear(data: Data, config: dict[str, Any]) -> Iterator[dict[str, float]]:
    """Logistic regression by stochastic gradient descent."""
    model = SGDClassifier(loss="log_loss", alpha=config["optimizer"]["alpha"], random_state=0)
    for epoch in range(config["epochs"]):
        model.partial_fit(data.train_x, data.train_y, classes=data.classes)
        yield {"epoch": epoch, **data.scores(model)}


def train_network(data: Data, config: dict[str, Any]) -> Iterator[dict[str, float]]:
    """A network of two hidden layers."""
    options = config["optimizer"]
    model = MLPClassifier(
        tuple(config["hidden"]),
        solver=options["name"],
        learning_rate_init=options["lr"],
        batch_size=options["batch_size"],
        random_state=0,
    )
    for epoch in range(config["epochs"]):
        model.partial_fit(data.train_x, data.train_y, classes=data.classes)
        yield {"epoch": epoch, "optimizer/loss": float(model.loss_), **data.scores(model)}


def train_forest(data: Data, config: dict[str, Any]) -> Iterator[dict[str, float]]:
    """A forest that grows tree by tree."""
    model = ExtraTreesClassifier(
        n_estimators=0, max_depth=config["max_depth"], warm_start=True, random_state=0
    )
    for trees in range(2, config["trees"] + 1, 2):
        model.set_params(n_estimators=trees)
        model.fit(data.train_x, data.train_y)
        yield {"trees": trees, **data.scores(model)}


def main(name: str, folder: Path) -> None:
    """Train the model ``name``; the run goes below ``folder``."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    train = {"linear": train_linear, "network": train_network, "forest": train_forest}[name]
    config = CONFIGS[name]
    data = Data()
    run = holdfast.init(
        project="digits", name=name, config=config, tags=["demo"], dir=folder, mode="offline"
    )
    truth = (folder / "truth" / f"{name}.jsonl").open("w", buffering=1, encoding="utf-8")
    with run, truth:
        for row in train(data, config):
            run.log(row)
            truth.write(json.dumps(row) + "\n")
            print(f"{name}: validation accuracy {row['val/accuracy']:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
