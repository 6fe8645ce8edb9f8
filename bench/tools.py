"""Starting a run with each tool, in the process that logs. Standard library and the tool only."""

from __future__ import annotations

import importlib
from typing import Protocol

__all__ = ["PROJECT", "TOOLS", "Run", "start"]

PROJECT = "bench"
TOOLS = ("holdfast", "wandb", "trackio")


class Run(Protocol):
    """What the three tools have in common."""

    def log(self, row: dict[str, float | int], /) -> None:
        """Log one row as the next step."""
        ...

    def finish(self) -> None:
        """End the run; its data is on the disk when this returns."""
        ...


def start(tool: str, folder: str) -> Run:
    """Start an offline run of ``tool`` below ``folder``, with the tool's own defaults.

    trackio takes its folder from ``TRACKIO_DIR`` and logs to this machine when nothing says else.
    """
    module = importlib.import_module(tool)
    if tool == "trackio":
        run: Run = module.init(project=PROJECT, embed=False)
    else:
        run = module.init(project=PROJECT, dir=folder, mode="offline")
    return run
