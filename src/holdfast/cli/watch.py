"""`holdfast watch`: follow all runs below some folders for as long as it runs."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from holdfast.cli.following import noter, stopped_by_signals, teller
from holdfast.cli.keys import find_key
from holdfast.cli.numbers import positive, read_size
from holdfast.cli.progress import Progress
from holdfast.settings import load
from holdfast.settings.load import state_folder
from holdfast.sync.hours import Hours
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.pace import Pace
from holdfast.sync.standing import Note
from holdfast.sync.trees import Tree
from holdfast.sync.watch import Terms, Watcher
from holdfast.wire.http import Connection

__all__ = ["add", "run"]

_FILE_CONNECTIONS = 6


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "watch",
        help="send all runs below some folders as they grow, for ever",
        description="Send all runs below PATH as they appear and grow, for ever: on the login node "
        "of a cluster, say. PATH is any folder, by default the current one. Waits for the server "
        "when it is away. Ends at Ctrl-C or SIGTERM; started again, it goes on where it was.",
    )
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where runs are or will be")
    option(
        "--bandwidth",
        type=_rate,
        metavar="BYTES",
        help="send at most so many bytes a second, e.g. 10M",
    )
    option(
        "--hours",
        metavar="FROM-TO",
        help="send files in these hours only, e.g. 20:00-06:00; metrics are sent at all times",
    )
    option("--jobs", type=positive, default=16, metavar="N", help="runs at a time (default: 16)")
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")


def run(args: argparse.Namespace) -> int:
    """Watch until told to stop."""
    settings = load({"base_url": args.base_url})
    hours = Hours.read(args.hours) if args.hours else None
    pace = Pace(args.bandwidth) if args.bandwidth else None
    paths = [Path(os.path.abspath(path)) for path in args.paths or [Path()]]
    key, _ = find_key(settings.base_url)
    connection = Connection(
        settings.base_url,
        key,
        read_timeout=settings.http_timeout,
        pool=args.jobs + _FILE_CONNECTIONS,
        pace=pace,
    )
    note = Note(Path(state_folder(settings)), connection.base_url, paths)
    with Progress(sys.stdout, quiet=True) as progress:
        terms = Terms(
            HttpTransport(connection),
            connection.base_url,
            progress,
            teller(progress),
            files=hours.asker() if hours else lambda: True,
            jobs=args.jobs,
        )
        watcher = Watcher([Tree(path) for path in paths], terms, note=noter(note, progress))
        progress.say(f"watching {', '.join(map(str, paths))}, sending to {connection.base_url}")
        with stopped_by_signals(watcher):
            watcher.run()
        note.remove()
        progress.say("stopped; start it again to go on")
    return 0


def _rate(text: str) -> int:
    """Bytes a second: at least one."""
    rate = read_size(text.strip().removesuffix("/s"))
    if rate < 1:
        raise argparse.ArgumentTypeError(f"{text} lets nothing through")
    return rate
