"""Reading back what a script wrote, and running scripts: for the tests of the client."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.journal import Frame, Gap, Reader
from holdfast.records.decode import add_runtime, history_row, kind, parse
from holdfast.records.replay import Applied, Replay
from holdfast.rundir import RunDir, discover

#: what a test run must not take from the machine that it runs on
FOREIGN = (
    *("WANDB_", "HOLDFAST_", "SLURM_", "PBS_", "LSB_", "_CONDOR_", "SKYPILOT_", "AWS_BATCH_"),
    *("TRAINING_JOB_", "CLOUD_ML_", "KUBERNETES_", "JOB_COMPLETION_", "RANK", "COV"),
)


class Written(NamedTuple):
    """A journal as it reads."""

    run_dir: RunDir
    replay: Replay
    applied: Applied
    kinds: list[str]
    rows: list[dict[str, Any]]
    gaps: list[Gap]

    def values(self, key: str) -> list[Any]:
        """A column of the rows."""
        return [row.get(key) for row in self.rows]

    @property
    def console(self) -> str:
        """All console text."""
        return "".join(piece.text for piece in self.applied.console)


def read(folder: Path | RunDir) -> Written:
    """Read the only run below a folder."""
    run_dir = folder if isinstance(folder, RunDir) else only(folder)
    with run_dir.journal.open("rb") as file:
        items = list(Reader(file))
    payloads = [item.payload for item in items if isinstance(item, Frame)]
    replay = Replay()
    applied = replay.apply(payloads)
    said = [history_row(parse(p).history) for p in payloads if kind(p) == "history"]
    rows = [add_runtime(row, replay.runtime_since) for row in said]
    gaps = [item for item in items if isinstance(item, Gap)]
    return Written(run_dir, replay, applied, [kind(p) for p in payloads], rows, gaps)


def only(folder: Path) -> RunDir:
    """The only run below a folder."""
    found = list(discover(folder))
    assert len(found) == 1, found
    return found[0]


def environment(**variables: str) -> dict[str, str]:
    """An environment that says nothing to the client but what is given."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, **variables}


def script(folder: Path, text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, to its end."""
    path = folder / "train.py"
    path.write_text(text, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
