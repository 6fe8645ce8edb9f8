"""`holdfast status`: what is pending, how much, since when, why, and when it is tried again."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.cli.codes import shared_code
from holdfast.cli.progress import size_text, tell_errors
from holdfast.errors import HoldfastError
from holdfast.settings import load
from holdfast.settings.load import state_folder
from holdfast.sync.standing import RunStanding, Standing, read_notes, standing_on_disk

__all__ = ["add", "run"]

_SHOWN = 20


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "status",
        help="what is not sent yet, and why",
        description="Say what is not sent yet, how much, since when, what went wrong last and when "
        "it is tried again. Asks the watcher that follows PATH; where none does, the folders are "
        "looked at. Without PATH: all watchers of this user, else the current folder.",
    )
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where to look for runs")
    option("--json", action="store_true", help="print one JSON object, for scripts")
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")


def run(args: argparse.Namespace) -> int:
    """Find out and print."""
    settings = load({"base_url": args.base_url})
    notes = read_notes(Path(state_folder(settings)))
    if args.paths:
        notes = [note for note in notes if any(note.covers(path) for path in args.paths)]
        alone = [path for path in args.paths if not any(note.covers(path) for note in notes)]
    else:
        alone = [] if notes else [Path()]
    missing: list[HoldfastError] = []
    looked = []
    if alone:
        standing, missing = standing_on_disk(alone, settings.base_url)
        looked = [standing]
    if args.json:
        shown = {"watchers": notes, "folders": looked}
        said = {name: [one.to_json() for one in group] for name, group in shown.items()}
        print(json.dumps({**said, "missing": [str(error) for error in missing]}))
    else:
        for standing in [*notes, *looked]:
            _show(standing)
        tell_errors(missing)
    return shared_code(missing)


def _show(standing: Standing) -> None:
    where = ", ".join(standing.paths)
    if standing.pid:
        since = _when(standing.started)
        print(f"{where}: watched by process {standing.pid} on {standing.host} since {since}")
    else:
        print(f"{where}: no watcher follows it; this is what lies there")
    counts = [f"{count:,} {state}" for state, count in sorted(standing.states.items())]
    print(f"  {', '.join(counts) or 'no runs'}; {size_text(standing.pending)} not sent")
    if standing.waits_for:
        since = _when(standing.waits_since)
        print(f"  waits since {since}: {standing.waits_for}; {_next(standing.next_try)}")
    _show_runs(standing.runs)
    if not standing.pid and any(row.state != "deleted" for row in standing.runs):
        print("  `holdfast sync` sends them once, `holdfast watch` as they grow")


def _show_runs(runs: Sequence[RunStanding]) -> None:
    for row in runs[:_SHOWN]:
        print(f"  {row.run or row.path}: {row.state}, {size_text(row.pending)}{_since(row)}")
        if row.error:
            print(f"    {row.error}{f'; {_next(row.next_try)}' if row.next_try else ''}")
    if len(runs) > _SHOWN:
        print(f"  and {len(runs) - _SHOWN:,} more: --json names them")


def _since(row: RunStanding) -> str:
    return f" since {_when(row.since)}" if row.since else ""


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _next(at: float) -> str:
    seconds = at - time.time()
    return "tried again now" if seconds < 1 else f"tried again in {seconds:.0f} s"
