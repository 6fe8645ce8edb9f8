"""`holdfast users add|list|remove`: who may sign in to a server's data folder."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from holdfast.errors import UsageError

__all__ = ["add", "run"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "users",
        help="add, list and remove the users of a server",
        description="Add, list and remove the users of a server, on its data folder; the server "
        "may be running.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument(
        "--data", type=Path, metavar="DIR", help="data folder (default: ~/.local/share/holdfast)"
    )
    one = actions.add_parser("add", parents=[data], help="add a user and print the API key, once")
    one.add_argument("name", metavar="NAME", help="name of the user; also where the runs go")
    one.add_argument(
        "--api-key", metavar="KEY", help="use this key (20 characters or more) instead of a new one"
    )
    actions.add_parser("list", parents=[data], help="list the users")
    gone = actions.add_parser("remove", parents=[data], help="remove a user; the runs stay")
    gone.add_argument("name", metavar="NAME", help="name of the user")


def run(args: argparse.Namespace) -> int:
    """Do what the action says."""
    try:
        from holdfast.server.app import open_users
        from holdfast.server.settings import default_data_folder
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the server's part of Holdfast is not installed (no module {error.name})",
            "run: pip install 'holdfast[server]'",
        ) from error
    data = (args.data or default_data_folder()).expanduser().absolute()
    with open_users(data) as users:
        if args.action == "add":
            print(f"API key of {args.name} (shown once): {users.add(args.name, args.api_key)}")
        elif args.action == "remove":
            users.remove(args.name)
            print(f"removed {args.name}")
        else:
            for entry in users.list():
                day = time.strftime("%Y-%m-%d", time.localtime(entry.created_at))
                print(f"{entry.name}\t{entry.keys} key{'s' * (entry.keys != 1)}\tsince {day}")
    return 0
