"""`holdfast version`: the version, and what a report of a defect should name beside it."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import Any

__all__ = ["add", "run", "version_line"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    subparsers.add_parser("version", help="print the versions of Holdfast, Python and the system")


def run(args: argparse.Namespace) -> int:
    """Print three lines."""
    del args
    print(version_line())
    print(f"Python {platform.python_version()} ({platform.python_implementation()})")
    print(platform.platform())
    return 0


def version_line() -> str:
    """``holdfast 0.1.0``, as ``--version`` prints it."""
    try:
        return f"holdfast {metadata.version('holdfast')}"
    except metadata.PackageNotFoundError:
        return "holdfast (not installed)"
