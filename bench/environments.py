"""A Python environment for each tool, made on first use below `build/bench`, kept until removed.

Each tool gets one of its own, so that none pays for another's dependencies and Holdfast's
environment stays free of them. Holdfast itself runs in the environment that started the bench.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Environment", "environment"]

ROOT = Path(__file__).resolve().parent.parent
_HOME = ROOT / "build/bench"


@dataclass(frozen=True)
class Environment:
    """Where a tool is installed."""

    tool: str
    version: str
    python: Path


def environment(tool: str) -> Environment:
    """The environment of ``tool``; other tools than Holdfast are installed from PyPI first.

    The newest version is taken when the environment is made. Remove `build/bench` for a newer one.
    """
    python = Path(sys.executable) if tool == "holdfast" else _installed(tool)
    asked = f"import importlib.metadata as m; print(m.version({tool!r}))"
    answer = subprocess.run(
        [python, "-c", asked], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return Environment(tool, answer.stdout.strip(), python)


def _installed(tool: str) -> Path:
    folder = _HOME / f"{tool}-python{sys.version_info[0]}.{sys.version_info[1]}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "installed"
    if not done.exists():
        print(f"installing {tool} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        _run([sys.executable, "-m", "venv", "--clear", folder])
        _run([python, "-m", "pip", "install", "--disable-pip-version-check", "--upgrade", tool])
        done.touch()
    return python


def _run(command: list[str | Path]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"bench: {' '.join(map(str, command))} failed:\n{ended.stderr.strip()}")
