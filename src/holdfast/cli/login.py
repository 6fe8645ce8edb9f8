"""`holdfast login`: keep the API key of a server, after the server has taken it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from holdfast.cli.keys import ask_key
from holdfast.errors import AuthError
from holdfast.settings import load, save_key
from holdfast.wire.http import Connection

__all__ = ["add", "run"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "login",
        help="keep the API key of a server",
        description="Keep the API key of a server. Without KEY it is asked for on the terminal, "
        "or read from standard input.",
    )
    parser.add_argument("key", nargs="?", metavar="KEY", help="the API key")
    parser.add_argument("--host", metavar="ADDRESS", help="the server that the key is for")
    parser.add_argument(
        "--no-verify", action="store_true", help="keep the key without asking the server"
    )


def run(args: argparse.Namespace) -> int:
    """Verify and keep the key."""
    settings = load({"base_url": args.host})
    base_url = settings.base_url
    connection = Connection(base_url)  # refuses what cannot be an address, before a key is asked
    connection.close()
    key = args.key or _read_key(base_url)
    if not args.no_verify:
        connection = Connection(base_url, key, read_timeout=settings.http_timeout)
        viewer = connection.viewer()
        connection.close()
        print(f"logged in to {base_url} as {viewer.user}")
    print(f"key kept in {save_key(base_url, key)}")
    return 0


def _read_key(base_url: str) -> str:
    if sys.stdin.isatty():
        return ask_key(base_url)
    key = sys.stdin.readline().strip()
    if not key:
        raise AuthError("no API key was given", "write it behind `holdfast login` or pipe it in")
    return key
