"""`holdfast sync --receipt FILE`: runs are confirmed by receipts that were carried back.

Owns what is printed. Asks no server.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from holdfast.cli.codes import shared_code
from holdfast.cli.progress import count_text, outcome_line, tell_errors, tell_trace
from holdfast.sync.bundle.receipts import confirm, read_carried
from holdfast.sync.context import Wishes
from holdfast.sync.many import find, remove_proven
from holdfast.sync.one import guarded
from holdfast.sync.report import Outcome

__all__ = ["confirm_runs"]


def confirm_runs(receipt: Path, paths: Sequence[Path], *, clean: bool, as_json: bool) -> int:
    """Compare each run with its receipt, keep that beside it, and say how each fared.

    Args:
        receipt: the file that `holdfast import --receipt` wrote.
        paths: where to look for runs.
        clean: remove the folders of those that agree.
        as_json: print one JSON object.
    """
    carried = read_carried(receipt)
    found = find(paths, carried.server, Wishes())
    outcomes: list[Outcome] = []
    for run_dir in found.pending + (found.synced if clean else []):
        prove = partial(confirm, carried, run_dir)
        outcome = remove_proven(run_dir, prove) if clean else guarded(run_dir, prove)
        outcomes.append(outcome)
        tell_trace(outcome.trace)
        if not as_json:
            print(outcome_line(outcome))
            if clean and outcome.ok:
                print(f"    removed {run_dir.path}")
    errors = [*found.missing, *(one.error for one in outcomes if one.error is not None)]
    code = shared_code(errors)
    if as_json:
        result = {
            "server": carried.server,
            "ok": code == 0,
            "exit_code": code,
            "already_confirmed": 0 if clean else len(found.synced),
            "runs": [outcome.to_json() for outcome in outcomes],
            "missing": [str(error) for error in found.missing],
        }
        print(json.dumps(result))
        return code
    tell_errors(found.missing)
    good = sum(outcome.ok for outcome in outcomes)
    done = "removed" if clean else "confirmed"
    print(
        f"{good} of {count_text(len(outcomes), 'run')} {done}, "
        f"by the receipts of {carried.server} in {receipt}"
    )
    return code
