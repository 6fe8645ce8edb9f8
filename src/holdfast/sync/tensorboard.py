"""TensorBoard's event files as a run: their scalars become the rows of a journal of ours.

Owns which event goes into which row, and how a journal grows when its event files have. Must not
know how a journal is sent: it goes the way of every other.

The journal says itself how far each file is read in it (docs/decisions/0030).
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import math
import os
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from holdfast import rundir
from holdfast.errors import DamagedError, StorageError
from holdfast.ids import check_run_id
from holdfast.journal import Frame, Reader, frames
from holdfast.records import encode
from holdfast.records.decode import kind, parse
from holdfast.records.tensorboard import Scalars
from holdfast.rundir import RunDir
from holdfast.rundir.whole import fresh_name
from holdfast.sync.event_files import EventFile, event_files

__all__ = ["Conversion", "convert"]

#: without a version, and without a machine: the same files give the same bytes wherever they lie
_PRODUCER = "holdfast tensorboard"
_STEP = "global_step"
#: the head of the first event, its time with a tag before it, and what comes next
_BEGIN_BYTES = 24
_TIME_TAG = 1 << 3 | 1
_ID_LENGTH = 8
_ID_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass
class Conversion:
    """What became of the event files at or below one path.

    Attributes:
        path: as it was given.
        files: how many event files there are. folders: in how many folders.
        run_dir: the run folder; None when the files hold no scalar.
        rows: how many rows were added to its journal now.
        others: how many new values are no scalars, by kind.
        damaged: new bytes that could not be read, as (file, start, end).
    """

    path: Path
    files: int = 0
    folders: int = 0
    run_dir: RunDir | None = None
    rows: int = 0
    others: Counter[str] = field(default_factory=Counter)
    damaged: list[tuple[Path, int, int]] = field(default_factory=list)


class _Made(NamedTuple):
    """What a journal holds that was made before: its rows, and how far files are read in it."""

    rows: int = 0
    runtime_since: int = 0
    read: Mapping[str, int] = {}


class _Source(NamedTuple):
    """One event file: its path below the folder, what its tags begin with, and itself."""

    name: str
    prefix: str
    file: EventFile


def convert(path: Path, wandb_dir: Path | None = None, *, run_id: str = "") -> Conversion:
    """Bring the journal of the event files at or below ``path`` up to date; it may be begun.

    Scalars of one step that follow each other by their time are one row, with ``global_step``;
    tags of a folder below ``path`` begin with its name.

    Args:
        path: an event file, or a folder with event files in it at any depth.
        wandb_dir: the ``wandb`` folder for the run folder; None for one beside the event files.
        run_id: the run's id; empty for one that follows from the oldest file.

    Raises:
        NotFoundError: there is nothing at ``path``.
        UsageError: the id is no legal one.
        StorageError: a file cannot be read, or the run folder cannot be written.
        DamagedError: the journal that was made before is damaged.
    """
    files = event_files(path)
    folder = path if path.is_dir() else path.parent
    done = Conversion(path, len(files), len({file.parent for file in files}))
    if not files:
        return done
    names = {file: _text(file.relative_to(folder).as_posix()) for file in files}
    run_id = check_run_id(run_id) if run_id else _stable_id(names)
    root = wandb_dir or folder / "wandb"
    earlier = rundir.runs_with_id(root, run_id)
    made = _Made()
    if earlier:
        done.run_dir = earlier[-1]
        made = _read_made(done.run_dir)
    sources = [
        _Source(name, name.rpartition("/")[0], EventFile(file, made.read.get(name, 0)))
        for file, name in names.items()
    ]
    rows = list(_rows(sources))
    done.rows = len(rows)
    for source in sources:
        done.others += source.file.others
        done.damaged += [(source.file.path, start, end) for start, end in source.file.damaged]
    if not rows:
        return done
    since = made.runtime_since or round(rows[0]["_timestamp"] * 1000)
    if done.run_dir is None:
        name = _text(folder.resolve().name)
        info = encode.RunInfo(run_id, name=name, start_time=since / 1000)
        begin = datetime.fromtimestamp(since / 1000)  # noqa: DTZ006  as W&B names folders
        done.run_dir = rundir.create(root, run_id, online=False, now=begin)
    else:
        info = encode.RunInfo(run_id)
    read = {**made.read, **{source.name: source.file.offset for source in sources}}
    _grow(done.run_dir, _payloads(info, rows, read, made, since), files)
    return done


def _stable_id(names: Mapping[Path, str]) -> str:
    """An id that follows from the file that was begun first, wherever the files lie."""
    begins = {file: _begin(file) for file in names}
    first = min(names, key=lambda file: (_begun(begins[file]), names[file]))
    seed = names[first].encode() + b"\0" + begins[first]
    number = int.from_bytes(hashlib.sha256(seed).digest(), "big")
    digits = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ID_DIGITS))
        digits.append(_ID_DIGITS[digit])
    return "".join(digits)


def _begin(file: Path) -> bytes:
    with _told(file), file.open("rb", buffering=0) as opened:
        return opened.read(_BEGIN_BYTES)


def _begun(begin: bytes) -> float:
    """When a file was begun: its first event says that alone, and its time stands first in it."""
    if len(begin) < _BEGIN_BYTES or begin[12] != _TIME_TAG:
        return math.inf
    time: float = struct.unpack_from("<d", begin, 13)[0]
    return time if math.isfinite(time) else math.inf


def _text(name: str) -> str:
    """A name as the journal has it: a name that is no text is compared as it is written there."""
    return name.encode("utf-8", "backslashreplace").decode()


def _read_made(run_dir: RunDir) -> _Made:
    """What the journal of an earlier conversion holds.

    Raises:
        DamagedError: it is damaged, or is of a run that was not made of event files.
        StorageError: it cannot be read.
    """
    made = _Made()
    rows = 0
    with _told(run_dir.journal), run_dir.journal.open("rb") as file:
        reader = Reader(file)
        for item in reader:
            if not isinstance(item, Frame):
                raise _unusable(run_dir, "is damaged")
            name = kind(item.payload)
            if name == "history":
                rows += 1
            elif name == "run":
                run = parse(item.payload).run
                read = {one.path: one.offset for one in run.events_read}
                made = _Made(0, run.runtime_since or made.runtime_since, read)
    if not made.read:
        raise _unusable(run_dir, "was not made of event files")
    return made._replace(rows=rows)


def _unusable(run_dir: RunDir, why: str) -> DamagedError:
    return DamagedError(
        f"the journal {run_dir.journal} {why}",
        "give another --id, or move its folder away: the event files have all of it",
    )


def _rows(sources: Sequence[_Source]) -> Iterator[dict[str, float]]:
    """Rows of the new events of all files, by the clock; each file's in the order of the file."""
    row: dict[str, float] = {}
    streams = [_stream(number, source) for number, source in enumerate(sources)]
    for _, _, prefix, event in heapq.merge(*streams, key=lambda one: one[:2]):
        values = {
            f"{prefix}/{tag}" if prefix else tag: value for tag, value in event.values.items()
        }
        if row and (row[_STEP] != event.step or not row.keys().isdisjoint(values)):
            yield row
            row = {}
        row.update(values)
        row[_STEP] = event.step
        row["_timestamp"] = event.wall_time
    if row:
        yield row


def _stream(number: int, source: _Source) -> Iterator[tuple[float, int, str, Scalars]]:
    latest = -math.inf
    for event in source.file.events():
        if not math.isfinite(event.wall_time):
            event = event._replace(wall_time=max(latest, 0.0))
        latest = max(latest, event.wall_time)  # a clock that was set back does not change the order
        yield latest, number, source.prefix, event


def _payloads(
    info: encode.RunInfo,
    rows: Sequence[Mapping[str, float]],
    read: Mapping[str, int],
    made: _Made,
    since: int,
) -> Iterator[bytes]:
    """The records that are added; the first journal begins with its header."""
    if not made.read:
        yield encode.header(_PRODUCER)
    yield encode.run(info, runtime_since=since, events_read=read)
    encoder = encode.HistoryEncoder()
    for step, row in enumerate(rows, start=made.rows):
        yield encoder.encode(row, step)
    # As in wandb a run of event files has ended: nothing says whether their writer goes on.
    yield encode.exit_record(0, max(0, round(rows[-1]["_timestamp"] - since / 1000)))


def _grow(run_dir: RunDir, payloads: Iterator[bytes], files: Sequence[Path]) -> None:
    """Add records to a journal, all or none of them; it begins when it is not there.

    It is as old as the newest of the event files: that says whether somebody writes it.
    """
    fresh = fresh_name(run_dir.journal)
    with _told(run_dir.journal):
        try:
            with contextlib.suppress(FileNotFoundError):
                fresh.write_bytes(run_dir.journal.read_bytes())
            with fresh.open("ab") as file:
                file.write(frames(payloads, file.tell()))
                file.flush()
                os.fsync(file.fileno())
            newest = max(path.stat().st_mtime_ns for path in files)
            os.utime(fresh, ns=(newest, newest))
            os.replace(fresh, run_dir.journal)
        finally:
            fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot read or write {path}: {error.strerror or error}",
            "check rights and space, or have the run folder elsewhere with WANDB_DIR",
        ) from error
