"""`holdfast users add|list|remove`: who may sign in to a server's data folder."""

from __future__ import annotations

import argparse
import time
from typing import Any

from holdfast.cli.data import add_data_option, data_folder, server_room

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
    add_data_option(data)
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
    with server_room("app").open_users(data_folder(args)) as users:
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
