"""`holdfast serve`: take runs and show them, on this machine by default."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import Any

from holdfast.cli.data import add_data_option, data_folder, server_room
from holdfast.settings import key_for, save_key

__all__ = ["add", "run"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "serve",
        help="take runs and show them in a browser",
        description="Take runs and show them in a browser: one process, SQLite and files, no "
        "configuration. Stops at Ctrl-C or SIGTERM.",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default: %(default)s, this machine only)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8080,
        help="port to listen on, 0 for a free one (default: %(default)s)",
    )
    add_data_option(parser)
    parser.add_argument(
        "--ready-file",
        type=Path,
        metavar="PATH",
        help="write the address as JSON to this file once the server listens",
    )


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    app, rules = server_room("app"), server_room("settings")
    settings = rules.ServerSettings(host=args.host, port=args.port, data=data_folder(args))

    def started(told: Any) -> None:
        _keep_key(told, rules.LOCAL_USER, on_loopback=settings.on_loopback)
        print(f"Holdfast serves {told.url}")
        print(f"  data       {told.data}")
        print(f"  dashboard  {told.login_url}")
        print("             (this link signs in one browser, once)")
        print("  send runs  holdfast sync" + _address_words(told.url), flush=True)
        if args.ready_file:
            app.write_ready_file(args.ready_file, told)

    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped cleanly before it comes here
        app.serve(settings, started)
    return 0


def _keep_key(told: Any, local_user: str, *, on_loopback: bool) -> None:
    """Let commands of this user on this machine find a key by themselves.

    The server keeps digests only. When no good key is known for this address (first start,
    another port, another data folder), the machine's user gets one more.
    """
    if not on_loopback or told.users.find(local_user) is None:
        return
    known = key_for(told.url)
    if known is None or told.users.of_key(known.value) != told.users.find(local_user):
        save_key(told.url, told.users.add_key(local_user))


def _address_words(url: str) -> str:
    return "" if url == "http://127.0.0.1:8080" else f" --base-url {url}"
