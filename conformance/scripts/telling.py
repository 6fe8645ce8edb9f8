"""Options of a script, and the truth that it tells: what it logged, under wandb's rules for steps.

Nothing is learned from the client here but the run's id: what a row is follows from the calls.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["Telling", "options", "sha256", "tell"]


def options() -> dict[str, Any]:
    """What the scenario asked for."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    return asked


def tell(truth: dict[str, Any]) -> None:
    """Write the truth; whole or not at all, for the scenario may wait for it."""
    path = Path(options()["told"])
    fresh = path.with_suffix(".part")
    fresh.write_text(json.dumps(truth), encoding="utf-8")
    os.replace(fresh, path)


def sha256(path: str | os.PathLike[str]) -> str:
    """Digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Telling:
    """Logs to a run and remembers what it logged.

    Args:
        run: wandb's.
        first_step: the step of the next row, where a run goes on.
    """

    def __init__(self, run: Any, first_step: int = 0) -> None:
        self._run = run
        self._step = first_step
        self._pending: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.truth: dict[str, Any] = {"id": run.id, "rows": self.rows, "summary": self.summary}

    def log(self, values: dict[str, Any], step: int | None = None, **how: bool) -> None:
        """`run.log`, with its rules: rows of one step merge, an older step is dropped."""
        self._run.log(values, **({} if step is None else {"step": step}), **how)
        if step is not None:
            if step < self._step:
                return
            if step > self._step:
                self._commit(step)
        self._pending.update(values)
        if how.get("commit", step is None):
            self._commit(self._step + 1)

    def _commit(self, next_step: int) -> None:
        if self._pending:
            self.rows.append({"_step": self._step, **self._pending})
            self.summary.update(self._pending)
        self._pending = {}
        self._step = next_step

    def finish(self, **more: Any) -> dict[str, Any]:
        """End the run and tell the truth, with what ``more`` is known of it."""
        self._commit(self._step)
        self._run.finish()
        self.truth.update({"state": "finished", "exit_code": 0, **more})
        tell(self.truth)
        return self.truth
