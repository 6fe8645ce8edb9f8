"""What `holdfast sync` says of TensorBoard's event files, and the run folders that they give."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from holdfast.cli.progress import count_text
from holdfast.errors import HoldfastError, UsageError
from holdfast.settings import Settings
from holdfast.sync.event_files import event_files
from holdfast.sync.tensorboard import Conversion, convert

__all__ = ["convert_all", "hint"]

_MANY_FOLDERS = 3


def convert_all(
    args: argparse.Namespace, paths: Sequence[Path], settings: Settings
) -> tuple[list[Path], list[HoldfastError]]:
    """Make runs of the event files at or below each path, a run a path.

    Returns:
        The run folders, and an error for each path of which none could be made.

    Raises:
        UsageError: one id is given for several paths.
    """
    if args.id and len(paths) > 1:
        raise UsageError(f"--id {args.id} for event files of {len(paths)} paths", "name one path")
    wandb_dir = Path(settings.wandb_dir) if settings.dir else None
    folders: list[Path] = []
    errors: list[HoldfastError] = []
    for path in paths:
        try:
            if args.dry_run:
                if files := event_files(path):
                    _say(f"{path}: would make a run of {count_text(len(files), 'event file')}")
                continue
            done = convert(path, wandb_dir, run_id=args.id)
        except HoldfastError as error:
            errors.append(error)
            continue
        _tell(done)
        if done.run_dir is not None:
            folders.append(done.run_dir.path)
    return folders, errors


def _tell(done: Conversion) -> None:
    files = count_text(done.files, "event file")
    if not done.files:
        return
    if done.run_dir is None:
        _say(f"{done.path}: {files}, and no scalar in them: nothing to send")
    else:
        _say(f"{done.path}: {files}, {count_text(done.rows, 'new row')} for {done.run_dir.path}")
    if done.others:
        counts = [count_text(number, kind) for kind, number in sorted(done.others.items())]
        _say(f"{done.path}: not taken, being no scalars: {', '.join(counts)}")
    for file, start, end in done.damaged:
        _say(f"{file}: bytes {start:,} to {end:,} are damaged; what stands there is left out")
    if done.folders > _MANY_FOLDERS:
        _say(
            f"{done.path}: event files of {done.folders} folders are one run; if they are several, "
            "name each folder as a PATH"
        )


def hint(paths: Sequence[Path]) -> None:
    """Say which of these paths, at which there are no runs, hold event files."""
    for path in paths:
        try:
            files = event_files(path)
        except HoldfastError:  # it is told as an error of the search for runs
            continue
        if files:
            _say(
                f"{path}: {count_text(len(files), 'event file')} of TensorBoard: "
                "--sync-tensorboard sends them"
            )


def _say(text: str) -> None:
    print(f"holdfast: {text}", file=sys.stderr)
