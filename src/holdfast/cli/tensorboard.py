"""What `holdfast sync` says of TensorBoard's event files, and the run folders that they give."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from holdfast.cli.progress import count_text
from holdfast.errors import HoldfastError
from holdfast.settings import Settings
from holdfast.sync.event_files import event_files
from holdfast.sync.tensorboard import Conversion, convert

__all__ = ["convert_all", "hint", "would_convert"]

_MANY_FOLDERS = 3


def convert_all(
    args: argparse.Namespace, paths: Sequence[Path], settings: Settings
) -> tuple[list[Path], list[HoldfastError]]:
    """Make runs of the event files at or below each path, a run a path.

    Returns:
        The run folders, and an error for each path of which none could be made.
    """
    wandb_dir = Path(settings.wandb_dir) if settings.dir else None
    folders: list[Path] = []
    errors: list[HoldfastError] = []
    for path in paths:
        try:
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


def would_convert(paths: Sequence[Path]) -> dict[str, int]:
    """How many event files each path has that has some: what `convert_all` would make a run of."""
    found = {}
    for path in paths:
        try:
            found[str(path)] = len(event_files(path))
        except HoldfastError:  # it is told as an error of the search for runs
            continue
    return {path: count for path, count in found.items() if count}


def hint(paths: Sequence[Path]) -> None:
    """Say which of these paths, at which there are no runs, hold event files."""
    for path, count in would_convert(paths).items():
        files = count_text(count, "event file")
        _say(f"{path}: {files} of TensorBoard: --sync-tensorboard sends them")


def _say(text: str) -> None:
    print(f"holdfast: {text}", file=sys.stderr)
