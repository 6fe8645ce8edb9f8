"""What syncing costs: each tool's own command against a server that is started fresh.

Holdfast syncs to a real `holdfast serve`, receipts and all. The real `wandb sync` has no server of
its own that could be installed here; it sends to `bench.sink`, which stores nothing, and then to
the gateway of a `holdfast serve`, beside which stands what `holdfast sync` did in the same round.
trackio syncs to Hugging Face only, so it has no figure.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.children import ChildError, Served, Usage, measured, quietly, served
from bench.environments import Environment
from bench.figures import Samples
from bench.gateway import API_KEY, holdfast_server, rows_held
from bench.tools import PROJECT
from bench.write import METRICS

__all__ = ["Shape", "sync_rounds"]


@dataclass(frozen=True)
class Shape:
    """What is synced: so many runs of so many steps."""

    name: str
    runs: int
    steps: int

    @property
    def rows(self) -> int:
        """Rows of all runs together."""
        return self.runs * self.steps

    def __str__(self) -> str:
        return f"{self.runs:,} x {self.steps:,} steps x {METRICS} metrics"


@dataclass(frozen=True)
class _Work:
    """One sync: whose, of what, from where; ``home`` is a folder of its own, made for it."""

    tool: Environment
    shape: Shape
    home: Path
    runs: Path


def sync_rounds(
    samples: Samples,
    tools: Sequence[Environment],
    folder: Path,
    rounds: int,
    shapes: Sequence[Shape],
) -> None:
    """Let each tool write its runs once, then sync a copy of them in each round, in turns."""
    able = [tool for tool in tools if tool.tool in _SYNC]
    for tool in able:
        for shape in shapes:
            _write(tool, folder / "written", shape)
    for _ in range(rounds):
        for shape in shapes:
            for tool in able:
                samples.add(tool.tool, _round(tool, folder, shape))


def _written(folder: Path, tool: Environment, shape: Shape) -> Path:
    return folder / f"{tool.tool}-{shape.name}"


def _write(tool: Environment, folder: Path, shape: Shape) -> None:
    where = _written(folder, tool, shape)
    where.mkdir(parents=True)
    words = ["-m", "bench.write", tool.tool, str(where), str(shape.runs), str(shape.steps)]
    quietly(tool, words, where)


def _round(tool: Environment, folder: Path, shape: Shape) -> dict[str, float]:
    found: dict[str, float] = {}
    for prefix, sync in _SYNC[tool.tool].items():
        home = folder / "sync"
        runs = home / "runs"
        written = _written(folder / "written", tool, shape)
        # wandb leaves sockets of its helper process behind
        shutil.copytree(written, runs, symlinks=True, ignore=shutil.ignore_patterns("*.sock"))
        sender, receiver_cpu = sync(_Work(tool, shape, home, runs))
        shutil.rmtree(home)
        found[f"{shape.name}{prefix}_rows_s"] = shape.rows / sender.wall_s
        found[f"{shape.name}{prefix}_runs_s"] = shape.runs / sender.wall_s
        found[f"{shape.name}{prefix}_sender_cpu_s"] = sender.cpu_s
        found[f"{shape.name}{prefix}_receiver_cpu_s"] = receiver_cpu
    if tool.tool == "holdfast":  # one server for both kinds of client
        both = {f"{shape.name}_gateway{key.removeprefix(shape.name)}": found[key] for key in found}
        found |= both
    return found


def _sync_holdfast(work: _Work) -> tuple[Usage, float]:
    command = str(work.tool.python.parent / "holdfast")
    serve = [command, "serve", "--port", "0", "--data", str(work.home / "server")]
    said = work.home / "said"
    with served(serve, work.home) as server:
        more = {"HOLDFAST_BASE_URL": server.address}
        usage, cpu = _timed([command, "sync", "--json", str(work.runs)], more, work, server)
    last = json.loads(said.read_text(encoding="utf-8").strip().splitlines()[-1])
    confirmed = [run for run in last["runs"] if run["state"] == "confirmed"]
    _check(work, len(confirmed), sum(run["rows"] for run in confirmed))
    return usage, cpu


def _sync_wandb(work: _Work) -> tuple[Usage, float]:
    command = [str(work.tool.python), "-m", "wandb", "sync", str(work.runs / "wandb")]
    with served([sys.executable, "-m", "bench.sink"], work.home) as sink:
        more = {"WANDB_BASE_URL": sink.address, "WANDB_API_KEY": API_KEY}
        usage, cpu = _timed(command, more, work, sink)
        with urllib.request.urlopen(sink.address) as answer:
            held = json.load(answer)
    _check(work, held["runs"], held["rows"])
    return usage, cpu


def _sync_wandb_here(work: _Work) -> tuple[Usage, float]:
    command = [str(work.tool.python), "-m", "wandb", "sync", str(work.runs / "wandb")]
    with holdfast_server(work.home) as server:
        more = {"WANDB_BASE_URL": server.address, "WANDB_API_KEY": API_KEY}
        usage, cpu = _timed(command, more, work, server)
        held = rows_held(server, PROJECT)
    _check(work, *held)
    return usage, cpu


def _timed(
    command: list[str], more: dict[str, str], work: _Work, server: Served
) -> tuple[Usage, float]:
    """Times of the sender, and CPU seconds of the receiver while the sender ran."""
    before = server.cpu_s()
    usage = measured(command, work.home, more, work.home / "said")
    return usage, server.cpu_s() - before


def _check(work: _Work, runs: int, rows: int) -> None:
    if (runs, rows) != (work.shape.runs, work.shape.rows):
        raise ChildError(f"{work.tool.tool}: of {work.shape}, {runs} runs with {rows} rows arrived")


_SYNC: dict[str, dict[str, Callable[[_Work], tuple[Usage, float]]]] = {
    "holdfast": {"": _sync_holdfast},
    "wandb": {"": _sync_wandb, "_gateway": _sync_wandb_here},
}
"""How each tool syncs, by what its figures are called."""
