"""Figures of Holdfast beside the real wandb and trackio, taken in one run on one machine.

`python -m bench` is the command; `docs/guide/benchmarks.md` says what each figure means. This
package measures from outside: it starts the tools as a user does, and imports nothing of Holdfast
in the process that measures.
"""

from __future__ import annotations

__all__: list[str] = []
