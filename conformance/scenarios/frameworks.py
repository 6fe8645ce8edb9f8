"""Frameworks with the wandb integration that they or wandb bring: tiny models, random data."""

from __future__ import annotations

from collections.abc import Callable

from conformance.cell import Cell
from conformance.scenarios.scenario import Scenario

__all__ = ["SCENARIOS"]

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}


def _plays(script: str) -> Callable[[Cell], None]:
    def play(cell: Cell) -> None:
        # The Trainer takes its project from the environment alone.
        cell.check(cell.script(script, {**_QUIET, "WANDB_PROJECT": cell.project}))

    return play


SCENARIOS = tuple(
    Scenario(name, title, _plays(script))
    for name, title, script in (
        ("transformers", "Hugging Face Transformers: `Trainer(report_to='wandb')`", "hf_trainer"),
        ("lightning", "PyTorch Lightning: `WandbLogger`", "lightning_logger"),
        ("keras", "Keras: `WandbMetricsLogger`", "keras_callback"),
        ("xgboost", "XGBoost: `WandbCallback`", "xgboost_callback"),
        ("lightgbm", "LightGBM: `wandb_callback`, `log_summary`", "lightgbm_callback"),
        ("sklearn", "scikit-learn: `wandb.sklearn` plots", "sklearn_plots"),
    )
)
