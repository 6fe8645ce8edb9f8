"""PyTorch Lightning with its WandbLogger, and a second logger beside it that remembers."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as lightning
import torch
import wandb
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.loggers.logger import DummyLogger

from conformance.scripts.telling import options, tell

_ROWS = 64


class Remembering(DummyLogger):
    """Keeps what Lightning gives to every logger."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """One row."""
        self.rows.append({**metrics, "trainer/global_step": step})


class Model(lightning.LightningModule):
    """A line."""

    def __init__(self, lr: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)

    def _loss(self, batch: Any) -> Any:
        (features,) = batch
        return (self.layer(features) - features.sum(dim=1, keepdim=True)).pow(2).mean()

    def training_step(self, batch: Any, index: int) -> Any:
        """Log the loss of each step and of the epoch."""
        loss = self._loss(batch)
        self.log("train_loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch: Any, index: int) -> None:
        """Log the loss of the epoch."""
        self.log("val_loss", self._loss(batch))

    def configure_optimizers(self) -> Any:
        """Plain descent."""
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


def main() -> None:
    """Fit three epochs; the truth is what the second logger was given."""
    lightning.seed_everything(3)
    data = torch.utils.data.TensorDataset(torch.randn(_ROWS, 4))
    logger = WandbLogger(project=options()["project"], name="a line", log_model=False)
    beside = Remembering()
    trainer = lightning.Trainer(
        max_epochs=3,
        logger=[logger, beside],
        log_every_n_steps=2,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(
        Model(),
        torch.utils.data.DataLoader(data, batch_size=8),
        torch.utils.data.DataLoader(data, batch_size=8),
    )
    run_id = logger.experiment.id
    wandb.finish()
    rows = [{"_step": number, **row} for number, row in enumerate(beside.rows)]
    about = {"name": "a line", "state": "finished", "config": {"lr": 0.1}}
    tell({"id": run_id, "rows": rows, **about})


if __name__ == "__main__":
    main()
