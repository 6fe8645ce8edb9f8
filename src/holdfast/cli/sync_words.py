"""The words of `holdfast sync`, those that `wandb sync` had in its versions among them.

Owns the grammar, which runs the words choose, and what is said of words that can do nothing here.
Must not know how runs are sent. The words of wandb are those of 0.12 to 0.31.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from holdfast.cli.numbers import positive
from holdfast.errors import UsageError
from holdfast.rundir import RunDir
from holdfast.sync.context import Wishes
from holdfast.sync.many import Found
from holdfast.sync.wanted import Wanted
from holdfast.wire import Edit

__all__ = ["choose", "declare", "is_old", "removes_only", "wishes_of", "without_meaning"]

_CLEAN_HOURS = 24
_MEANINGLESS = {
    "view": "--view does nothing here: the address of each run is printed",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where to look for runs")
    option("--dry-run", action="store_true", help="say what would be sent, send nothing")
    option("-p", "--project", default="", metavar="NAME", help="put the runs into this project")
    option("-e", "--entity", default="", metavar="NAME", help="put the runs under this owner")
    option("--id", default="", metavar="ID", help="give the run this id (one run only)")
    option("-n", "--jobs", type=positive, default=4, metavar="N", help="runs at a time, usually 4")
    option("--again", action="store_true", help="also runs that were deleted on the server")
    option("--follow", "--live", action="store_true", help="go on while runs are written")
    option("--no-verify", action="store_true", help="send without asking for a receipt")
    option(
        "--receipt",
        type=Path,
        metavar="FILE",
        help="ask no server: take the receipts that `holdfast import --receipt` wrote",
    )
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")
    option(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help="give up when the server has been away this long (default: 120, at the start 5; "
        "for ever with --follow)",
    )
    option("--json", action="store_true", help="print one JSON object at the end, for scripts")
    option("-v", "--verbose", action="store_true", help="say more of each run")
    _declare_choice(parser)
    _declare_files(parser)
    _declare_rest(parser)


def _declare_choice(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--sync-all", action="store_true", help="all that is not confirmed; so it is anyway")
    _flag(parser, ("--include-synced", "--no-skip-synced"), "also what is confirmed", False)
    _flag(parser, ("--include-online", "--no-skip-online"), "runs begun online", True)
    _flag(parser, ("--include-offline",), "runs begun offline", True)
    option("--include-globs", default="", metavar="GLOBS", help="journals by name, with commas")
    option("--exclude-globs", default="", metavar="GLOBS", help="not these journals, with commas")
    option("--ignore", default="", help=argparse.SUPPRESS)
    option("--show", type=int, default=0, metavar="N", help="list at most N runs in a dry run")
    option("--clean", action="store_true", help="remove run folders that the server confirmed")
    option(
        "--clean-old-hours",
        type=int,
        metavar="N",
        help=f"only runs begun so long ago (default: {_CLEAN_HOURS}; with PATH: any)",
    )
    option("--clean-force", action="store_true", help="never asks; so it is anyway")
    _flag(parser, ("--mark-synced",), "leave receipt and marker in the run folder", True)


def _declare_files(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--include", action="append", default=[], metavar="GLOB", help="only these files")
    option("--exclude", action="append", default=[], metavar="GLOB", help="not these files")
    option("--skip-media", action="store_true", help="not the files that rows show")
    option("--skip-artifacts", action="store_true", help="not the files of artifacts")
    option(
        "--aliased-artifacts",
        action="store_true",
        help="of artifacts only the versions that have an alias in the end",
    )
    option("--skip-console", action="store_true", help="refused: the journal is sent whole")


def _declare_rest(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("--append", action="store_true", help="add to a run that exists; so it is anyway")
    option("-y", "--yes", action="store_true", help="do not ask; so it is anyway")
    option("--job-type", default="", metavar="NAME", help="what the runs that are sent do")
    option("--job_type", dest="job_type", help=argparse.SUPPRESS)  # to 0.28 it was spelled so
    option("--replace-tags", default="", metavar="OLD=NEW", help="rename tags of them, with commas")
    _flag(parser, ("--sync-tensorboard",), "event files of TensorBoard as a run", False)
    option("--view", action="store_true", help=argparse.SUPPRESS)
    option("--legacy", action="store_true", help=argparse.SUPPRESS)


def _flag(parser: argparse.ArgumentParser, words: tuple[str, ...], text: str, usual: bool) -> None:
    """A word and its opposite: ``--include-x`` and ``--no-include-x``."""
    name = words[0][2:].replace("-", "_")
    opposite = [re.sub(r"^--(no-)?", lambda f: "--" if f[1] else "--no-", word) for word in words]
    parser.add_argument(*words, dest=name, action="store_true", default=usual, help=text)
    parser.add_argument(*opposite, dest=name, action="store_false", help=f"not: {text}")


def wishes_of(args: argparse.Namespace) -> Wishes:
    """What is wanted otherwise than the journals say.

    Raises:
        UsageError: something cannot be left out, or tags are not named as OLD=NEW.
    """
    if args.skip_console:
        raise UsageError(
            "--skip-console cannot be kept: the journal is sent whole, console text with it",
            "leave the option out; a run begun with console='off' has none",
        )
    wanted = Wanted(tuple(args.include), tuple(args.exclude), not args.skip_media, _artifacts(args))
    return Wishes(
        args.entity,
        args.project,
        args.id,
        verify=not args.no_verify,
        mark=args.mark_synced,
        files=wanted,
        again=args.again,
        edit=Edit(args.job_type or "", _renames(args.replace_tags)),
    )


def _artifacts(args: argparse.Namespace) -> Literal["all", "aliased", "none"]:
    if args.skip_artifacts:
        return "none"
    return "aliased" if args.aliased_artifacts else "all"


def _renames(text: str) -> tuple[tuple[str, str], ...]:
    pairs = [[tag.strip() for tag in pair.split("=", 1)] for pair in text.split(",") if pair]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise UsageError(
            f"--replace-tags {text!r} does not say which tags get which names",
            "write OLD=NEW, several with commas between them",
        )
    return tuple((old, new) for old, new in pairs)


def without_meaning(args: argparse.Namespace) -> list[str]:
    """A line for each given word that can do nothing here."""
    return [line for name, line in _MEANINGLESS.items() if getattr(args, name)]


def choose(args: argparse.Namespace, found: Found) -> Found:
    """Of the runs that were found, those that the words are for."""
    include, exclude = _globs(args.include_globs), _globs(args.exclude_globs or args.ignore)

    def meant(run_dir: RunDir) -> bool:
        name, folder = run_dir.journal.name, run_dir.path.name
        if folder.startswith("run-") and not args.include_online:
            return False
        if folder.startswith("offline-run-") and not args.include_offline:
            return False
        if any(fnmatchcase(name, glob) for glob in exclude):
            return False
        return not include or any(fnmatchcase(name, glob) for glob in include)

    return Found(
        [run for run in found.pending if meant(run)],
        [run for run in found.synced if meant(run)],
        found.missing,
    )


def removes_only(args: argparse.Namespace) -> bool:
    """Whether nothing is to be sent: `--clean` alone removes, as it did in wandb."""
    sends = args.paths or args.sync_all or args.include_synced or args.follow
    return args.clean and not sends


def is_old(args: argparse.Namespace, now: datetime) -> Callable[[RunDir], bool]:
    """Whether a run may be cleaned for its age; W&B names folders in local time.

    As in wandb, runs that are named by a path need no age.
    """
    usual = 0 if args.paths else _CLEAN_HOURS
    hours: int = usual if args.clean_old_hours is None else args.clean_old_hours

    def old(run_dir: RunDir) -> bool:
        if hours <= 0:
            return True
        try:
            began = datetime.strptime(run_dir.started, "%Y%m%d_%H%M%S")  # noqa: DTZ007
        except ValueError:  # a folder whose name tells no time
            return False
        return (now - began).total_seconds() >= hours * 3600

    return old


def _globs(text: str) -> list[str]:
    return [glob.strip() for glob in text.split(",") if glob.strip()]
