"""The Python environment of each tool that is measured.

Each tool but Holdfast gets one of its own with its newest version, kept until it is removed.
Holdfast itself runs in the environment that started the bench.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.environments import ROOT, python_with

__all__ = ["ROOT", "Environment", "environment"]


@dataclass(frozen=True)
class Environment:
    """Where a tool is installed."""

    tool: str
    version: str
    python: Path


def environment(tool: str) -> Environment:
    """The environment of ``tool``; other tools than Holdfast are installed from PyPI first.

    The newest version is taken when the environment is made. Remove its folder below
    `build/environments` for a newer one.
    """
    python = Path(sys.executable) if tool == "holdfast" else python_with(tool, [tool])
    asked = f"import importlib.metadata as m; print(m.version({tool!r}))"
    answer = subprocess.run(
        [python, "-c", asked], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return Environment(tool, answer.stdout.strip(), python)
