"""`holdfast sync --receipt FILE`: runs are confirmed by receipts that were carried back.

Owns what is printed. Asks no server.
"""

from __future__ import annotations

import argparse
import json
from datetime import datetime
from functools import partial
from pathlib import Path

from holdfast.cli.codes import shared_code
from holdfast.cli.progress import count_text, outcome_line, tell_errors, tell_trace
from holdfast.cli.sync_words import choose, is_old
from holdfast.errors import UsageError
from holdfast.sync.bundle.receipts import confirm, read_carried
from holdfast.sync.context import Wishes
from holdfast.sync.many import find, remove_proven
from holdfast.sync.one import guarded
from holdfast.sync.report import Outcome

__all__ = ["confirm_runs"]

_OTHER = (
    "dry_run",
    "follow",
    "no_verify",
    "project",
    "entity",
    "id",
    "include",
    "exclude",
    "skip_media",
    "skip_artifacts",
    "aliased_artifacts",
    "job_type",
    "replace_tags",
)


def confirm_runs(args: argparse.Namespace) -> int:
    """Compare each run with its receipt, keep that beside it, and say how each fared.

    With ``--clean`` the folders of those that agree are removed.

    Raises:
        UsageError: with a word that means sending, or keeping no receipt.
    """
    _refuse_words(args)
    carried = read_carried(args.receipt)
    found = choose(args, find(args.paths or [Path()], carried.server, Wishes()))
    old = is_old(args, datetime.now())  # noqa: DTZ005  as folders are named
    again = [one for one in found.synced if args.include_synced or (args.clean and old(one))]
    outcomes: list[Outcome] = []
    removed = 0
    for run_dir in found.pending + again:
        prove = partial(confirm, carried, run_dir)
        clean = args.clean and old(run_dir)
        outcome = remove_proven(run_dir, prove) if clean else guarded(run_dir, prove)
        outcomes.append(outcome)
        removed += clean and outcome.ok
        tell_trace(outcome.trace)
        if not args.json:
            print(outcome_line(outcome))
            if clean and outcome.ok:
                print(f"    removed {run_dir.path}")
    errors = [*found.missing, *(one.error for one in outcomes if one.error is not None)]
    code = shared_code(errors)
    if args.json:
        result = {
            "server": carried.server,
            "ok": code == 0,
            "exit_code": code,
            "already_confirmed": len(found.synced) - len(again),
            "runs": [outcome.to_json() for outcome in outcomes],
            "missing": [str(error) for error in found.missing],
        }
        print(json.dumps(result))
        return code
    tell_errors(found.missing)
    good = sum(outcome.ok for outcome in outcomes)
    gone = f", {removed:,} removed" if args.clean else ""
    print(
        f"{good} of {count_text(len(outcomes), 'run')} confirmed{gone}, "
        f"by the receipts of {carried.server} in {args.receipt}"
    )
    return code


def _refuse_words(args: argparse.Namespace) -> None:
    """Nothing is sent here, and what is compared is all of a run: say so, rather than let it be."""
    given = {f"--{name.replace('_', '-')}": getattr(args, name) for name in _OTHER}
    given["--no-mark-synced"] = not args.mark_synced
    for word, is_given in given.items():
        if is_given:
            raise UsageError(
                f"--receipt with {word}: receipts are compared with whole runs and kept beside "
                "them, nothing is sent",
                f"leave {word} out",
            )
