"""Python environments of other people's packages below `build/environments`, made when asked for.

Owns where they lie and when one is made anew. Must not know what is done with them. Each set of
packages gets an environment of its own, so that none pays for another's dependencies and
Holdfast's environment stays free of them all.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ROOT", "own_version", "python_with"]

ROOT = Path(__file__).resolve().parent.parent
_HOME = ROOT / "build/environments"


def python_with(name: str, requirements: Sequence[str], version: str = "") -> Path:
    """The interpreter of the environment ``name``, which has ``requirements`` installed by pip.

    It is made on the first call and kept; other requirements than it was made with make it anew,
    and so does removing its folder, which brings newer versions of what is not pinned.

    Args:
        name: of its folder, without the Python version.
        requirements: as pip takes them.
        version: of Python, such as ``3.11``; by default the one that runs this.

    Raises:
        SystemExit: there is no such Python here, or pip failed; says what it printed.

    Example:
        >>> python_with("wandb-0.31.0", ["wandb==0.31.0"], "3.11")    # doctest: +SKIP
    """
    version = version or own_version()
    folder = _HOME / f"{name}-python{version}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    done = folder / "installed"
    wanted = "\n".join(requirements) + "\n"
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"installing {name} into {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
        _run([_base(version), "-m", "venv", "--clear", str(folder)])
        _run([str(python), "-m", "pip", "install", "--disable-pip-version-check", *requirements])
        done.write_text(wanted, encoding="utf-8")
    return python


def own_version() -> str:
    """The Python that runs this, as ``3.11``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _base(version: str) -> str:
    if version == own_version():
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        raise SystemExit(f"there is no python{version} here: install Python {version}")
    return found


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stderr.strip()}")
