"""`holdfast sync`: bring runs to the server, and say for each whether it is proven to be there."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from holdfast.cli.carried import confirm_runs
from holdfast.cli.codes import shared_code
from holdfast.cli.contact import meet
from holdfast.cli.keys import find_key, offer_to_keep
from holdfast.cli.progress import (
    Progress,
    count_text,
    outcome_line,
    size_text,
    tell_errors,
    tell_trace,
)
from holdfast.cli.sync_words import (
    choose,
    declare,
    is_old,
    removes_only,
    wishes_of,
    without_meaning,
)
from holdfast.cli.tensorboard import convert_all, hint, would_convert
from holdfast.errors import UsageError
from holdfast.rundir import RunDir
from holdfast.settings import Settings, load
from holdfast.sync.context import Context, Wishes
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.many import Found, find, recall, remove_run, work_off
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.sync.watch import Listed, Terms, Watcher
from holdfast.wire import Viewer
from holdfast.wire.http import Connection

__all__ = ["add", "run"]

_FILE_CONNECTIONS = 6
_NOT_SENT = "not sent: --clean alone only removes; with a path or --sync-all it sends first"


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "sync",
        help="send runs to the server and confirm them",
        description="Send runs to the server and confirm them. PATH is a run folder, a .wandb "
        "file, a wandb folder, or any folder above; by default the current one.",
    )
    declare(parser)


def run(args: argparse.Namespace) -> int:
    """Find runs, send them, print how each fared."""
    if args.receipt is not None:
        return confirm_runs(args)
    settings = load({"base_url": args.base_url})
    wishes = wishes_of(args)
    for line in without_meaning(args):
        print(f"holdfast: {line}", file=sys.stderr)
    found = _find(args, settings, wishes)
    runs = _to_send(args, found)
    _check_one_id(args.id, runs)
    if args.dry_run:
        return _tell_plan(args, found, runs)
    if not runs and not found.synced:
        return _finish(args, found, [], None, settings.base_url)
    key, asked = find_key(settings.base_url)
    connection = Connection(
        settings.base_url,
        key,
        read_timeout=settings.http_timeout,
        pool=args.jobs + _FILE_CONNECTIONS,
    )
    with Progress(quiet=args.json) as progress:
        if args.follow:
            outcomes, context = _follow(args, connection, wishes, runs, progress)
        else:
            context = meet(connection, wishes, progress, timeout=args.timeout)
            if not args.include_synced:
                recall(context.transport, context.base_url, found)
                runs = _to_send(args, found)
            outcomes = _send(args, context, runs, progress.say)
        if asked:
            offer_to_keep(settings.base_url, key)
        if args.clean:
            outcomes += _clean(args, context, outcomes, found, progress.say)
    connection.close()
    return _finish(args, found, outcomes, context.viewer, settings.base_url)


def _find(args: argparse.Namespace, settings: Settings, wishes: Wishes) -> Found:
    """The runs that are meant, those that event files give among them."""
    paths = args.paths or [Path()]
    if args.sync_tensorboard and args.id and len(paths) > 1:
        raise UsageError(f"--id {args.id} for event files of {len(paths)} paths", "name one path")
    makes = args.sync_tensorboard and not args.dry_run
    made, errors = convert_all(args, paths, settings) if makes else ([], [])
    found = choose(args, find([*paths, *made], settings.base_url, wishes))
    found.missing = list({str(error): error for error in [*errors, *found.missing]}.values())
    if not args.sync_tensorboard and not found.pending and not found.synced:
        hint(paths)
    return found


def _to_send(args: argparse.Namespace, found: Found) -> list[RunDir]:
    if removes_only(args):
        return []
    return found.pending + (found.synced if args.include_synced else [])


def _send(
    args: argparse.Namespace,
    context: Context,
    runs: Sequence[RunDir],
    say: Callable[[str], None],
) -> list[Outcome]:
    outcomes = []
    for outcome in work_off(runs, lambda run_dir: sync_run(context, run_dir), args.jobs):
        outcomes.append(outcome)
        _tell(args, outcome, say)
    return outcomes


def _follow(
    args: argparse.Namespace,
    connection: Connection,
    wishes: Wishes,
    runs: Sequence[RunDir],
    progress: Progress,
) -> tuple[list[Outcome], Context]:
    outcomes: list[Outcome] = []

    def ended(outcome: Outcome) -> None:
        outcomes.append(outcome)
        _tell(args, outcome, progress.say)

    transport, address = HttpTransport(connection), connection.base_url
    terms = Terms(transport, address, progress, ended, wishes=lambda _: wishes, jobs=args.jobs)
    watcher = Watcher([Listed(runs)], terms)
    watcher.run()
    return outcomes, watcher.context or meet(connection, wishes, progress, timeout=args.timeout)


def _clean(
    args: argparse.Namespace,
    context: Context,
    sent: Sequence[Outcome],
    found: Found,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Remove what is confirmed; returns the outcomes of folders that had to be kept."""
    confirmed = {outcome.run_dir: None for outcome in sent if outcome.state == "confirmed"}
    confirmed.update(dict.fromkeys(found.synced))
    old = filter(is_old(args, datetime.now()), confirmed)  # noqa: DTZ005  as folders are named
    kept = []
    for outcome in work_off(old, lambda run: remove_run(context, run), args.jobs):
        if outcome.ok:
            if not args.json:
                say(f"  removed {outcome.run_dir.path}")
        else:
            kept.append(outcome)
            _tell(args, outcome, say)
    return kept


def _tell(args: argparse.Namespace, outcome: Outcome, say: Callable[[str], None]) -> None:
    tell_trace(outcome.trace)
    if args.json:
        return
    say(outcome_line(outcome))
    if outcome.ok and outcome.url:
        say(f"    {outcome.url}")
    for note in outcome.notes:
        say(f"    {note}")
    if args.verbose:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(outcome.records.items()))
        say(f"    {outcome.run_dir.path}: {size_text(outcome.sent)} sent; records: {counts}")


def _tell_plan(args: argparse.Namespace, found: Found, runs: Sequence[RunDir]) -> int:
    events = would_convert(args.paths or [Path()]) if args.sync_tensorboard else {}
    if args.json:
        plan = {"pending": [str(run.path) for run in runs], "missing": _errors(found)}
        print(json.dumps({**plan, "event_files": events}))
    else:
        for run_dir in runs[: args.show or None]:
            print(f"would send {run_dir.path}")
        for path, count in events.items():
            print(f"would make a run of {count_text(count, 'event file')} at {path}")
        if runs or not events:
            print(_summary_of_found(found, runs))
        tell_errors(found.missing)
    return _exit_code(found, [])


def _finish(
    args: argparse.Namespace,
    found: Found,
    outcomes: Sequence[Outcome],
    viewer: Viewer | None,
    base_url: str,
) -> int:
    code = _exit_code(found, outcomes)
    if args.json:
        result = {
            "server": base_url,
            "user": viewer.user if viewer else None,
            "ok": code == 0,
            "exit_code": code,
            "already_confirmed": len(found.synced),
            "runs": [outcome.to_json() for outcome in outcomes],
            "missing": _errors(found),
        }
        print(json.dumps(result))
        return code
    tell_errors(found.missing)
    if removes_only(args) and found.pending:
        print(f"{count_text(len(found.pending), 'run')} {_NOT_SENT}")
    elif not outcomes:
        print(_summary_of_found(found, []))
    else:
        good = sum(outcome.ok for outcome in outcomes)
        rows = sum(outcome.rows for outcome in outcomes if outcome.ok)
        partial = any(outcome.state == "partial" for outcome in outcomes)
        word = "sent" if args.no_verify or partial else "confirmed"
        print(f"{good} of {len(outcomes)} runs {word}, {rows:,} rows, at {base_url}")
    return code


def _summary_of_found(found: Found, runs: Sequence[RunDir]) -> str:
    if not found.pending and not found.synced:
        return "no runs found: name a run folder or a folder above"
    already = f", {len(found.synced)} confirmed already" if found.synced else ""
    return f"{len(runs)} runs to send{already}"


def _errors(found: Found) -> list[str]:
    return [str(error) for error in found.missing]


def _exit_code(found: Found, outcomes: Sequence[Outcome]) -> int:
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    return shared_code([*found.missing, *failed])


def _check_one_id(wanted: str, runs: Sequence[RunDir]) -> None:
    ids = {run_dir.run_id for run_dir in runs}
    if wanted and len(ids) > 1:
        raise UsageError(f"--id {wanted} for {len(ids)} different runs", "name one run's folder")
