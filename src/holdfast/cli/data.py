"""The data folder of a server on the command line, and the part of Holdfast that works on it.

Owns the option and the answer to a Holdfast that was installed without its server.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

from holdfast.errors import UsageError

__all__ = ["add_data_option", "data_folder", "server_room"]


def add_data_option(parser: argparse.ArgumentParser) -> None:
    """Declare ``--data``."""
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: ~/.local/share/holdfast)"
    )


def data_folder(args: argparse.Namespace) -> Path:
    """The folder that ``--data`` names, or the usual one."""
    folder: Path = args.data or server_room("settings").default_data_folder()
    return folder.expanduser().absolute()


def server_room(name: str) -> Any:
    """A room of the server by name.

    Raises:
        UsageError: Holdfast was installed without its server.
    """
    try:
        return importlib.import_module(f"holdfast.server.{name}")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the server's part of Holdfast is not installed (no module {error.name})",
            "run: pip install 'holdfast[server]'",
        ) from error
