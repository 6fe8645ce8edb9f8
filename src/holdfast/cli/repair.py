"""`holdfast repair`: a clean journal in the place of a damaged one, and what is missing in it."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.cli.codes import shared_code
from holdfast.cli.progress import Progress, count_text, tell_errors, tell_trace
from holdfast.errors import NotFoundError
from holdfast.sync.many import find_all, work_off
from holdfast.sync.repair import Lost, Repaired, repair_run

__all__ = ["add", "run"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "repair",
        help="write a clean journal from what can be read of a damaged one",
        description="Write a clean journal from all frames that check, and from `files` what the "
        "journal lost. The damaged journal stays beside it, unchanged. Runs that are whole, and "
        "runs that are being written, are left alone.",
    )
    option = parser.add_argument
    option("paths", nargs="+", metavar="RUN", type=Path, help="a run folder, or any folder above")
    option("--dry-run", action="store_true", help="say what would be done, change nothing")
    option("--json", action="store_true", help="print one JSON object at the end, for scripts")


def run(args: argparse.Namespace) -> int:
    """Repair runs, print what was done to each and what is missing."""
    runs, missing = find_all(args.paths, lost=True)
    if not runs and not missing:
        raise NotFoundError("no runs found", "name a run folder or a folder above")
    results = []
    with Progress(quiet=args.json, word="read") as progress:
        repair = partial(repair_run, report=progress, dry_run=args.dry_run)
        for result in work_off(runs, repair, 1):
            results.append(result)
            tell_trace(result.trace)
            if not args.json:
                for line in _lines(result, dry_run=args.dry_run):
                    progress.say(line)
    code = shared_code([*missing, *(one.error for one in results if one.error is not None)])
    if args.json:
        whole = {
            "ok": code == 0,
            "exit_code": code,
            "runs": [result.to_json() for result in results],
            "missing": [str(error) for error in missing],
        }
        print(json.dumps(whole))
        return code
    tell_errors(missing)
    changed = sum(result.changed and result.error is None for result in results)
    word = "would be repaired" if args.dry_run else "repaired"
    runs_said = count_text(len(results), "run")
    print(f"{changed} of {runs_said} {word}" if changed else _nothing(results))
    return code


def _nothing(results: list[Repaired]) -> str:
    failed = sum(result.error is not None for result in results)
    if failed:
        return f"{count_text(failed, 'run')} could not be repaired"
    return f"nothing to do: {count_text(len(results), 'run')} whole"


def _lines(result: Repaired, *, dry_run: bool) -> list[str]:
    name = str(result.run_dir.path)
    if result.error is not None:
        return [f"✗ {name}: {result.error}"]
    if not result.changed:
        return [f"✓ {name}: nothing to do"]
    word = "would be repaired" if dry_run else "repaired"
    lines = [f"✓ {name}: {word}, {count_text(result.rows, 'row')} kept"]
    lines += [f"    lost: {_lost(one)}" for one in result.lost]
    if result.torn:
        lines.append(f"    cut off: {result.torn:,} bytes after the last whole frame")
    if result.dropped:
        lines.append(f"    left out: {count_text(result.dropped, 'frame')} that hold no record")
    lines += [f"    from files: {line}" for line in result.recovered]
    lines += [f"    cannot be read: {line}" for line in result.unread]
    if result.original is not None:
        lines.append(f"    the damaged journal, unchanged: {result.original.name}")
    return lines


def _lost(lost: Lost) -> str:
    if lost.start == lost.end:
        return "the journal: nothing of it is there"
    if lost.after is None and lost.before is None:
        where = "there are no rows on either side"
    elif lost.before is None:
        where = f"rows after step {lost.after:,}, if any"
    elif lost.after is None:
        where = f"rows before step {lost.before:,}, if any"
    else:
        where = f"rows between steps {lost.after:,} and {lost.before:,}, if any"
    return f"bytes {lost.start:,} to {lost.end:,} ({lost.why}): {where}"
