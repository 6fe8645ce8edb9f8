"""scikit-learn with wandb's plots: every chart is a table that arrives as a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import wandb
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, confusion_matrix

from conformance.scripts.telling import options, sha256, tell


def main() -> None:
    """Fit, plot, log scores; the truth is scikit-learn's scores and the files on the disk."""
    features, labels = make_classification(n_samples=200, n_features=5, random_state=3)
    train, test = slice(0, 150), slice(150, 200)
    model = LogisticRegression().fit(features[train], labels[train])
    guessed = model.predict(features[test])
    score = float(accuracy_score(labels[test], guessed))
    run = wandb.init(project=options()["project"], config=model.get_params())
    wandb.sklearn.plot_summary_metrics(
        model, features[train], labels[train], features[test], labels[test]
    )
    wandb.sklearn.plot_confusion_matrix(labels[test], guessed, ["no", "yes"])
    wandb.sklearn.plot_roc(labels[test], model.predict_proba(features[test]), ["no", "yes"])
    wandb.sklearn.plot_class_proportions(labels[train], labels[test], ["no", "yes"])
    run.log({"accuracy": score})
    folder = Path(run.dir)
    run.finish()
    media = [path for path in folder.rglob("media/**/*") if path.is_file()]
    (matrix,) = (path for path in media if "confusion" in path.name)
    counts = [row[-1] for row in json.loads(matrix.read_text())["data"]]
    wanted = np.asarray(confusion_matrix(labels[test], guessed)).ravel().tolist()
    if counts != wanted:
        raise SystemExit(f"the plot has {counts} and not {wanted}")
    tell(
        {
            "id": run.id,
            "state": "finished",
            "files": {path.relative_to(folder).as_posix(): sha256(path) for path in media},
            "rows_have": [{"accuracy": score}],
            "summary_has": {"accuracy": score},
            "config": model.get_params(),
        }
    )


if __name__ == "__main__":
    main()
