"""`holdfast export`: pack runs into a file, or volumes, that somebody carries to the server."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from holdfast.cli.codes import shared_code
from holdfast.cli.numbers import read_size
from holdfast.cli.progress import Progress, count_text, size_text, tell_errors
from holdfast.cli.version import version_line
from holdfast.errors import HoldfastError, NotFoundError, UsageError
from holdfast.page import Story, read_story, write_page
from holdfast.rundir import RunDir
from holdfast.sync.bundle.pack import Packed, Packer, estimate
from holdfast.sync.many import find_all
from holdfast.sync.report import error_json

__all__ = ["add", "run"]

_SUFFIX = ".tar.zst"


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "export",
        help="pack runs into a file to be carried by hand",
        description="Pack runs, with all their files, into one file. PATH is a run folder, a "
        ".wandb file, a wandb folder, or any folder above; by default the current one.",
    )
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where to look for runs")
    option("--out", type=Path, metavar="FILE", help="the file to write, ending in .tar.zst")
    option(
        "--split",
        type=read_size,
        default=0,
        metavar="SIZE",
        help="write volumes of at most SIZE (700M, 4GB …) instead of one file; an interrupted "
        "export goes on after the last whole volume",
    )
    option("--html", type=Path, metavar="FILE", help="write one HTML page of the runs instead")
    option("--json", action="store_true", help="print one JSON object at the end, for scripts")


def run(args: argparse.Namespace) -> int:
    """Find runs, pack them, print how each fared."""
    if args.html is not None:
        return _write_html(args)
    if args.out is None:
        raise UsageError("no file to write", "give --out runs.tar.zst")
    if not args.out.name.endswith(_SUFFIX):
        raise UsageError(f"{args.out} does not end in {_SUFFIX}", "give --out runs.tar.zst")
    runs, errors = _find(args)
    with Progress(quiet=args.json, word="packed") as progress:
        progress.expect(runs[0], sum(map(estimate, runs)))
        packer = Packer(
            args.out,
            args.split,
            version_line(),
            advance=lambda size: progress.advance(runs[0], size),
        )
        packed = []
        for one in packer.pack(runs):
            packed.append(one)
            if not args.json:
                _tell(one, progress)
    code = shared_code([*errors, *(one.error for one in packed if one.error is not None)])
    _finish(args, packer, packed, errors, code)
    return code


def _find(args: argparse.Namespace) -> tuple[list[RunDir], list[HoldfastError]]:
    runs, missing = find_all(args.paths or [Path()])
    if not runs:
        nothing = NotFoundError("no runs found", "name a run folder or a folder above")
        raise missing[0] if missing else nothing
    return runs, missing


def _write_html(args: argparse.Namespace) -> int:
    """One page of all runs; folders of one run are one run, of several writers one each."""
    if args.out is not None or args.split:
        raise UsageError("--html with --out or --split", "write the page and the pack one by one")
    runs, errors = _find(args)
    folders: dict[str, list[RunDir]] = {}
    for run_dir in runs:
        name = f"{run_dir.path.parent.resolve()}/{run_dir.run_id}%{run_dir.label}"
        folders.setdefault(name, []).append(run_dir)
    stories: list[Story] = []
    for some in folders.values():
        try:
            stories.append(read_story(some))
        except HoldfastError as error:
            errors.append(error)
    if not stories:
        raise errors[0]
    size = write_page(args.html, stories, version_line(), time.time())
    code = shared_code(errors)
    if args.json:
        shown = [str(story.folders[-1].path) for story in stories]
        missing = [str(error) for error in errors]
        page = {"path": str(args.html), "size": size}
        result = {"ok": code == 0, "exit_code": code, "page": page, "runs": shown}
        print(json.dumps({**result, "missing": missing}))
        return code
    tell_errors(errors)
    print(f"{count_text(len(stories), 'run')} in {args.html} ({size_text(size)})")
    return code


def _tell(one: Packed, progress: Progress) -> None:
    if one.error is not None:
        progress.say(f"✗ {one.run_dir.path}: {one.error}")
    else:
        how = "in a volume that is there" if one.kept else "packed"
        what = f"{count_text(one.files, 'file')}, {size_text(one.size)}"
        progress.say(f"✓ {one.run_dir.path}: {how} ({what})")
    for note in one.notes:
        progress.say(f"    {note}")


def _finish(
    args: argparse.Namespace,
    packer: Packer,
    packed: list[Packed],
    errors: list[HoldfastError],
    code: int,
) -> None:
    sizes = [path.stat().st_size for path in packer.volumes]
    if args.json:
        result = {
            "ok": code == 0,
            "exit_code": code,
            "volumes": [
                {"path": str(path), "size": size}
                for path, size in zip(packer.volumes, sizes, strict=True)
            ],
            "kept_volumes": packer.kept,
            "runs": [_json_of(one) for one in packed],
            "missing": [str(error) for error in errors],
        }
        print(json.dumps(result))
        return
    tell_errors(errors)
    good = sum(one.error is None for one in packed)
    where = str(packer.volumes[0])
    if args.split:
        where = f"{count_text(len(sizes), 'volume')}, {packer.volumes[0].name} and so on"
    print(f"{good} of {count_text(len(packed), 'run')} packed, {size_text(sum(sizes))} in {where}")
    print(f"on the other side: holdfast import {args.out.name}")


def _json_of(one: Packed) -> dict[str, Any]:
    return {
        "path": str(one.run_dir.path),
        "place": one.place,
        "files": one.files,
        "size": one.size,
        "kept": one.kept,
        "notes": one.notes,
        "error": error_json(one.error),
    }
