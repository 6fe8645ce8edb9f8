"""The rows that are logged: the same for every tool, made from a seed, standard library only.

Shaped as training writes them: measured values have all their digits, an accuracy is a count
divided by the size of a test set, a learning rate is a short constant, an epoch is an integer.
What a row costs depends on that: a float with all its digits takes 18 characters, 0.9713 six.
"""

from __future__ import annotations

import math
import random

__all__ = ["Row", "rows"]

Row = dict[str, float | int]

_SEED = 20261121
_TEST_SET = 10_000  # as many as in MNIST or CIFAR-10
_STEPS_PER_EPOCH = 200


def rows(count: int, metrics: int = 5) -> list[Row]:
    """``count`` rows of the first ``metrics`` (at most eight) metrics.

    >>> list(rows(1)[0])
    ['loss', 'accuracy', 'lr', 'epoch', 'grad_norm']
    """
    chance = random.Random(_SEED)
    return [dict(list(_row(step, chance).items())[:metrics]) for step in range(count)]


def _row(step: int, chance: random.Random) -> Row:
    loss = 2.3 * math.exp(-step / 5000) + 0.05 * chance.random()
    right = min(_TEST_SET, int(_TEST_SET * (1 - loss / 2.5)) + chance.randrange(50))
    return {
        "loss": loss,
        "accuracy": right / _TEST_SET,
        "lr": 0.001,
        "epoch": step // _STEPS_PER_EPOCH,
        "grad_norm": chance.lognormvariate(0.0, 0.5),
        "val_loss": loss * (1.0 + 0.1 * chance.random()),
        "val_accuracy": max(0, right - chance.randrange(200)) / _TEST_SET,
        "samples_per_s": 3000.0 + 200.0 * chance.random(),
    }
