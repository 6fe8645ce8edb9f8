"""What logging costs: import, init, log, finish, bytes on the disk. The tools take turns."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.children import quietly
from bench.environments import Environment
from bench.figures import Samples

__all__ = ["logging_rounds"]

_IMPORTS = 3  # in each round
_TIME_IMPORT = (
    "import time; b = time.perf_counter_ns(); import {}; print(time.perf_counter_ns() - b)"
)


def logging_rounds(
    samples: Samples, tools: Sequence[Environment], folder: Path, rounds: int, rows: int
) -> None:
    """Let each tool log ``rows`` rows in each round; a first, shorter run of each is not counted.

    What a run without them takes on the disk is subtracted, so that the bytes are those of the
    rows.
    """
    empty = {tool.tool: _trial(tool, folder, 0)[1] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            found, size = _trial(tool, folder, rows)
            found["row_bytes"] = (size - empty[tool.tool]) / rows
            found["import_ms"] = statistics.median(
                _import_ms(tool, folder) for _ in range(_IMPORTS)
            )
            samples.add(tool.tool, found)


def _import_ms(tool: Environment, folder: Path) -> float:
    """The import alone, in an interpreter that has loaded nothing yet."""
    return int(quietly(tool, ["-I", "-c", _TIME_IMPORT.format(tool.tool)], folder)) / 1e6


def _trial(tool: Environment, folder: Path, rows: int) -> tuple[dict[str, float], int]:
    """Figures of one logged run, and the bytes that it takes on the disk."""
    home = folder / "trial"
    home.mkdir()
    out = home / "times.json"
    runs = home / "runs"
    runs.mkdir()
    quietly(tool, ["-m", "bench.trial", tool.tool, str(runs), str(rows), str(out)], home)
    times = json.loads(out.read_text(encoding="utf-8"))
    size = _size(home / "trackio" if tool.tool == "trackio" else runs, tool.tool)
    shutil.rmtree(home)
    found = {"init_ms": times["init_ms"], "finish_ms": times["finish_ms"]}
    found["paced_p50_us"] = statistics.median(times["paced_us"])
    if rows:
        found["log_p50_us"] = statistics.median(times["log_us"])
        found["log_p99_us"] = sorted(times["log_us"])[int(rows * 0.99)]
    return found, size


def _size(folder: Path, tool: str) -> int:
    """Bytes of the journals; of trackio, which has none, of its database with its side files."""
    kind = "*" if tool == "trackio" else "*.wandb"
    return sum(path.stat().st_size for path in folder.rglob(kind) if path.is_file())
