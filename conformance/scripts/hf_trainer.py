"""Hugging Face's Trainer with its own wandb callback, on a tiny BERT of random weights."""

from __future__ import annotations

from typing import Any

import torch
import wandb
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainingArguments,
)

from conformance.scripts.telling import tell

_ROWS = 48
_WORDS = 12
# What the callback puts into the summary and not into rows.
_ONCE = {
    "train_runtime",
    "train_samples_per_second",
    "train_steps_per_second",
    "train_loss",
    "total_flos",
}


class Random(torch.utils.data.Dataset):
    """Random words with random labels."""

    def __len__(self) -> int:
        return _ROWS

    def __getitem__(self, index: int) -> dict[str, Any]:
        chance = torch.Generator().manual_seed(index)
        words = torch.randint(0, 50, (_WORDS,), generator=chance)
        return {"input_ids": words, "attention_mask": torch.ones_like(words), "labels": index % 2}


def main() -> None:
    """Train two epochs; the truth is the trainer's own log."""
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
    )
    arguments = TrainingArguments(
        output_dir="out",
        num_train_epochs=2,
        per_device_train_batch_size=8,
        logging_steps=2,
        eval_strategy="epoch",
        save_strategy="no",
        learning_rate=0.01,
        report_to=["wandb"],
        run_name="a tiny bert",
        use_cpu=True,
    )
    trainer = Trainer(
        model=BertForSequenceClassification(config),
        args=arguments,
        train_dataset=Random(),
        eval_dataset=Random(),
    )
    trainer.train()
    run = wandb.run
    wandb.finish()
    rows = [_row(number, logged) for number, logged in enumerate(trainer.state.log_history)]
    last = trainer.state.log_history[-1]
    tell(
        {
            "id": run.id,
            "state": "finished",
            "name": "a tiny bert",
            "rows": rows,
            "summary_has": {key: last[key] for key in _ONCE},
            "config_has": {"hidden_size": 16, "learning_rate": 0.01, "num_train_epochs": 2},
        }
    )


def _row(number: int, logged: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"_step": number, "train/global_step": logged["step"]}
    for key, value in logged.items():
        if key not in _ONCE and key != "step":
            group, name = ("eval", key[5:]) if key.startswith("eval_") else ("train", key)
            row[f"{group}/{name}"] = value
    return row


if __name__ == "__main__":
    main()
