"""What can be had from a run's `files/` when its journal, or a part of it, cannot be read.

Owns which record each file can stand for: the config, the summary, the console, the names of
files. Must not know journals, nor why something is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.records import encode
from holdfast.records.replay import Replay
from holdfast.rundir import RunDir
from holdfast.sync.config_yaml import read_config
from holdfast.sync.files import Catalogue
from holdfast.sync.report import some

__all__ = ["Salvage", "runtime_since", "salvage", "start_by_name"]

_TEXT_CHARS = 32 << 10
_NAMED = 6
_YEAR_10000 = 253_402_300_800


@dataclass
class Salvage:
    """What was found.

    Attributes:
        records: what was found, as records, in order.
        told: a line for each thing that was recovered. unread: for each that could not be.
    """

    records: list[bytes] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def salvage(run_dir: RunDir, replay: Replay) -> Salvage:
    """What `files/` says beyond what the readable records, replayed, say."""
    found = Salvage()
    _config(run_dir, replay, found)
    _console(run_dir, replay, found)
    _files(run_dir, replay, found)
    _summary(run_dir, replay, found)  # last: what the rows would make of it is older
    return found


def runtime_since(row: dict[str, Any]) -> float:
    """From when a row counts its ``_runtime``, in Unix seconds; 0 if it does not say."""
    moment, runtime = _seconds(row.get("_timestamp")), _seconds(row.get("_runtime"))
    return 0.0 if moment is None or runtime is None else max(0.0, moment - runtime)


def _seconds(value: object) -> float | None:
    """A time as a clock says it: no text, no NaN or Infinity, which a script may have logged."""
    if isinstance(value, (int, float)) and 0 <= value < _YEAR_10000:
        return float(value)
    return None


def start_by_name(run_dir: RunDir) -> float:
    """When a run began by the name of its folder, in Unix seconds; 0 if it does not say.

    The name has the local time of the machine that wrote it.
    """
    try:
        return time.mktime(time.strptime(run_dir.started, "%Y%m%d_%H%M%S"))
    except (ValueError, OverflowError):
        return 0.0


def _config(run_dir: RunDir, replay: Replay, found: Salvage) -> None:
    text = _text(run_dir.files / "config.yaml", found)
    config, unread = read_config(text)
    config.pop("_wandb", None)  # the client's, not the user's
    new = {key: value for key, value in config.items() if key not in replay.config}
    if new:
        found.records.append(encode.config(new))
        found.told.append(f"config: {some(sorted(new), _NAMED)} (config.yaml)")
    if unread:
        found.unread.append(f"config.yaml: the values of {', '.join(unread)}")


def _summary(run_dir: RunDir, replay: Replay, found: Salvage) -> None:
    """Keys that no readable row set; all of them if the file is of a later step."""
    text = _text(run_dir.files / "wandb-summary.json", found)
    try:
        values = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        found.unread.append("wandb-summary.json: it is no JSON object")
        return
    later = _step(values) > _step(replay.summary)
    new = {
        key: value
        for key, value in values.items()
        if key not in replay.summary or (later and value != replay.summary[key])
    }
    if new and set(new) != {"_wandb"}:
        found.records.append(encode.summary(new))
        found.told.append(f"summary: {some(sorted(new), _NAMED)} (wandb-summary.json)")


def _step(values: dict[str, Any]) -> float:
    step = values.get("_step")
    return step if isinstance(step, (int, float)) else -1


def _console(run_dir: RunDir, replay: Replay, found: Salvage) -> None:
    """The console, if no readable record has any of it: two halves would be in no known order."""
    if any(replay.records[kind] for kind in ("output", "output_raw", "output_logger")):
        return
    path = run_dir.files / "output.log"
    if text := _text(path, found):
        when = path.stat().st_mtime
        found.records += [encode.output("stdout", part, when) for part in _portions(text)]
        found.told.append(f"console: {text.count(chr(10)):,} lines (output.log)")


def _portions(text: str) -> Iterator[str]:
    """The text in parts of whole lines, none much longer than some."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + _TEXT_CHARS) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _files(run_dir: RunDir, replay: Replay, found: Salvage) -> None:
    catalogue = Catalogue(run_dir.files)
    catalogue.refresh()
    new = [path for path in catalogue.entries if path not in replay.files]
    if new:
        found.records.append(encode.files(new))
        media = sum(path.startswith("media/") for path in new)
        found.told.append(f"names of {len(new):,} files, {media:,} of them media")


def _text(path: Path, found: Salvage) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        found.unread.append(f"{path.name}: {error.strerror or error}")
        return ""
