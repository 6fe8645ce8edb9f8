"""`import wandb` is `import holdfast` here: scripts for wandb write Holdfast's folders."""

from __future__ import annotations

import sys

import holdfast

sys.modules[__name__] = holdfast
