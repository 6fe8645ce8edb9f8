"""`holdfast verify`: is all of every run as it should be, on this disk and on the server?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.cli.codes import shared_code
from holdfast.cli.contact import meet
from holdfast.cli.keys import find_key
from holdfast.cli.progress import (
    Progress,
    count_text,
    named,
    size_text,
    tell_errors,
    tell_trace,
)
from holdfast.errors import NotFoundError
from holdfast.rundir import RunDir
from holdfast.settings import load
from holdfast.sync.context import Context, Wishes
from holdfast.sync.many import find_all, work_off
from holdfast.sync.verify import Verified, verify_run
from holdfast.wire.http import Connection

__all__ = ["add", "run"]

_AWAY_SECONDS = 5
_JOBS = 4


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "verify",
        help="check every frame and file of runs, and compare them with the server",
        description="Check every frame and file of runs, on this disk and with --server also at "
        "the server. Nothing is changed or sent. The exit code is 0 only if all is proven.",
    )
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where to look for runs")
    option("--server", action="store_true", help="compare with what the server holds")
    option("--project", default="", metavar="NAME", help="the project that the runs were put into")
    option("--entity", default="", metavar="NAME", help="the user or team they were put under")
    option("--json", action="store_true", help="print one JSON object at the end, for scripts")
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")


def run(args: argparse.Namespace) -> int:
    """Check runs, print how each was found."""
    runs, missing = find_all(args.paths or [Path()], lost=True)
    if not runs and not missing:
        raise NotFoundError("no runs found", "name a run folder or a folder above")
    wishes = Wishes(args.entity, args.project)
    server = ""
    with Progress(quiet=args.json, word="checked") as progress:
        context = None
        if args.server and runs:
            context = _meet(args, progress)
            server = context.base_url
        results = _check_all(args, runs, progress, context, wishes)
    errors = [*missing, *(error for result in results for error in result.errors)]
    code = shared_code(errors)
    if args.json:
        whole = {
            "server": server or None,
            "ok": code == 0,
            "exit_code": code,
            "runs": [result.to_json() for result in results],
            "missing": [str(error) for error in missing],
        }
        print(json.dumps(whole))
        return code
    tell_errors(missing)
    good = sum(result.ok for result in results)
    where = f"proven at {server}" if server else "whole on this disk"
    print(f"{good} of {count_text(len(results), 'run')} {where}")
    return code


def _meet(args: argparse.Namespace, progress: Progress) -> Context:
    settings = load({"base_url": args.base_url})
    key, _ = find_key(settings.base_url)
    connection = Connection(settings.base_url, key, read_timeout=settings.http_timeout, pool=_JOBS)
    return meet(connection, Wishes(), progress, timeout=_AWAY_SECONDS)


def _check_all(
    args: argparse.Namespace,
    runs: Sequence[RunDir],
    progress: Progress,
    context: Context | None,
    wishes: Wishes,
) -> list[Verified]:
    check = partial(verify_run, report=progress, context=context, wishes=wishes)
    results = []
    for result in work_off(runs, check, _JOBS):
        results.append(result)
        tell_trace(result.trace)
        if not args.json:
            for line in _lines(result):
                progress.say(line)
    return sorted(results, key=lambda result: str(result.run_dir.journal))


def _lines(result: Verified) -> list[str]:
    name = named(result.run, result.run_dir)
    more = [f"    {note}" for note in result.notes]
    if result.errors:
        first, *rest = result.errors
        return [f"✗ {name}: {first}", *(f"    {error}" for error in rest), *more]
    word = "proven" if result.receipt else "whole"
    rows = count_text(result.records.get("history", 0), "row")
    size = size_text(result.size + result.file_bytes)
    return [f"✓ {name}: {word} ({rows}, {count_text(result.files, 'file')}, {size})", *more]
