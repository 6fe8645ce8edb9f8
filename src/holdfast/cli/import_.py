"""`holdfast import`: what `holdfast export` packed, into a server or into a folder."""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from holdfast.cli.codes import shared_code
from holdfast.cli.contact import meet
from holdfast.cli.keys import find_key
from holdfast.cli.numbers import positive
from holdfast.cli.progress import Progress, count_text, outcome_line, tell_trace
from holdfast.errors import HoldfastError, StorageError, UsageError
from holdfast.rundir import RunDir
from holdfast.settings import load
from holdfast.sync.bundle.receipts import write_carried
from holdfast.sync.bundle.unpack import Unpacked, find_volumes, unpack
from holdfast.sync.context import Context, Wishes
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.wire.http import Connection

__all__ = ["add", "run"]


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "import",
        help="take in what `holdfast export` packed",
        description="Take in what `holdfast export` packed: into a server, or into a folder. FILE "
        "is an exported file, or the name under which volumes were exported.",
    )
    option = parser.add_argument
    option("files", nargs="+", metavar="FILE", type=Path, help="what was exported")
    option("--into", type=Path, metavar="DIR", help="unpack into this folder, ask no server")
    option("--receipt", type=Path, metavar="FILE", help="write the server's receipts into FILE")
    option("--spool", type=Path, metavar="DIR", help="where a run lies while it is sent")
    option("--project", default="", metavar="NAME", help="put the runs into this project")
    option("--entity", default="", metavar="NAME", help="put the runs under this user or team")
    option("--json", action="store_true", help="print one JSON object at the end, for scripts")
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")
    option("--timeout", type=positive, metavar="SECONDS", help="as in `holdfast sync`")


def run(args: argparse.Namespace) -> int:
    """Unpack, send or put down, print how each run fared."""
    if args.into and args.receipt:
        raise UsageError("a folder gives no receipt", "leave --into or --receipt out")
    volumes = [volume for path in args.files for volume in find_volumes(path)]
    with Progress(quiet=args.json, word="read") as progress:
        for volume in volumes:
            progress.expect(RunDir(volume), volume.stat().st_size)
        if args.into:
            return _into_folder(args, volumes, progress)
        return _into_server(args, volumes, progress)


def _into_folder(args: argparse.Namespace, volumes: list[Path], progress: Progress) -> int:
    found = []
    for one in _unpacked(volumes, args.into, progress):
        found.append(one)
        if not args.json:
            progress.say(_folder_line(one))
    good = [one for one in found if one.run_dir is not None]
    code = shared_code([one.error for one in found if one.error is not None])
    if args.json:
        runs = [
            {"path": str(one.run_dir.path), "there": one.there}
            for one in good
            if one.run_dir is not None
        ]
        errors = [str(one.error) for one in found if one.error is not None]
        print(json.dumps({"ok": code == 0, "exit_code": code, "runs": runs, "errors": errors}))
    else:
        print(f"{count_text(len(good), 'run')} in {args.into}, {_bad(found)}")
    return code


def _into_server(args: argparse.Namespace, volumes: list[Path], progress: Progress) -> int:
    settings = load({"base_url": args.base_url})
    key, _ = find_key(settings.base_url)
    connection = Connection(settings.base_url, key, read_timeout=settings.http_timeout)
    wishes = Wishes(args.entity, args.project)
    context = meet(connection, wishes, _Saying(progress), timeout=args.timeout)
    found: list[Unpacked] = []
    outcomes: list[Outcome] = []
    spool = _make_spool(args.spool)
    try:
        for one in _unpacked(volumes, spool, progress):
            found.append(one)
            if one.run_dir is not None:
                outcomes.append(_send(context, one.run_dir))
                tell_trace(outcomes[-1].trace)
            if not args.json:
                _tell(one, outcomes, progress)
    finally:
        shutil.rmtree(spool, ignore_errors=True)
        connection.close()
    if args.receipt:
        receipts = [outcome.receipt for outcome in outcomes if outcome.receipt and outcome.ok]
        write_carried(args.receipt, context.base_url, receipts)
    return _finish(args, found, outcomes, context.base_url)


def _unpacked(volumes: list[Path], into: Path, progress: Progress) -> Iterator[Unpacked]:
    run_dir = RunDir(volumes[0])
    return unpack(volumes, into, advance=lambda size: progress.advance(run_dir, size))


def _make_spool(wanted: Path | None) -> Path:
    try:
        if wanted is not None:
            wanted.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="holdfast-import-", dir=wanted))
    except OSError as error:
        what = f"cannot make a folder to unpack into: {error.strerror or error}"
        raise StorageError(what, "give another place with --spool") from error


def _send(context: Context, run_dir: RunDir) -> Outcome:
    """Bring an unpacked run to the server by the road of `holdfast sync`; its copy goes."""
    outcome = sync_run(context, run_dir)
    shutil.rmtree(run_dir.path, ignore_errors=True)  # the rest goes with the spool
    return outcome


def _tell(one: Unpacked, outcomes: list[Outcome], progress: Progress) -> None:
    if one.run_dir is None:
        progress.say(f"✗ {one.error}")
        return
    outcome = outcomes[-1]
    progress.say(outcome_line(outcome))
    if outcome.ok and outcome.url:
        progress.say(f"    {outcome.url}")
    for note in outcome.notes:
        progress.say(f"    {note}")


def _folder_line(one: Unpacked) -> str:
    if one.run_dir is None:
        return f"✗ {one.error}"
    how = "there already, the same" if one.there else "unpacked, every digest is right"
    return f"✓ {one.run_dir.path}: {how}"


def _finish(
    args: argparse.Namespace, found: list[Unpacked], outcomes: list[Outcome], server: str
) -> int:
    errors: list[HoldfastError] = [one.error for one in found if one.error is not None]
    broken = [str(error) for error in errors]
    errors += [outcome.error for outcome in outcomes if outcome.error is not None]
    code = shared_code(errors)
    if args.json:
        result = {
            "server": server,
            "ok": code == 0,
            "exit_code": code,
            "runs": [outcome.to_json() for outcome in outcomes],
            "errors": broken,
        }
        print(json.dumps(result))
        return code
    good = sum(outcome.ok for outcome in outcomes)
    rows = sum(outcome.rows for outcome in outcomes if outcome.ok)
    print(f"{count_text(good, 'run')} confirmed, {rows:,} rows, {_bad(found)}, at {server}")
    if args.receipt:
        print(f"carry {args.receipt} back, and there: holdfast sync --receipt {args.receipt.name}")
    return code


def _bad(found: list[Unpacked]) -> str:
    errors = sum(one.error is not None for one in found)
    return f"{count_text(errors, 'thing')} wrong" if errors else "nothing missing"


class _Saying:
    """A reporter that passes on lines: the bar is that of the file that is read."""

    def __init__(self, progress: Progress) -> None:
        self.say = progress.say

    def expect(self, run_dir: RunDir, size: int) -> None:
        """Not shown."""

    def advance(self, run_dir: RunDir, size: int) -> None:
        """Not shown."""
