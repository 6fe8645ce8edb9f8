"""Run folders that change under the reader's eyes, and the truth of what was written into them.

A journal on the disk is at any time the beginning of its truth: it grows by any number of bytes,
is cut, and is replaced by an older copy. What was staged for its artifacts goes, or is put into the
run folder.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from sync.making import rows, run_info
from sync.staging import artifact_record, files_of

from holdfast import journal, rundir
from holdfast.journal import scan
from holdfast.records import encode
from holdfast.rundir import RunDir

__all__ = ["Disk", "readable"]

_LENGTHS = (0, 3, 60, 200)
_FILES = ("config.yaml", "output.log", "media/a.bin", "media/b.bin", "wandb-summary.json")
_BIG = 300_000
#: when files say that they were changed: long ago (their writer is gone), in another year
_TIMES_NS = (10**18, 1_700_000_000 * 10**9, 3_000_000_000 * 10**9)


def readable(data: bytes) -> int:
    """The end of the last whole frame."""
    items = scan(data)
    return items[-1].end if items else 0


@functools.cache
def _whole(
    run_id: str, count: int, host: str, finished: bool, artifacts: tuple[bytes, ...]
) -> bytes:
    encoder = encode.HistoryEncoder()
    payloads = [encode.header("holdfast test", host=host, pid=1), encode.run(run_info(run_id))]
    payloads += [encoder.encode(row, row["_step"]) for row in rows(count)]
    for number, payload in enumerate(artifacts):
        payloads.insert(2 + number * count // 2, payload)
    if finished:
        payloads.append(encode.exit_record(0, 12))
    return journal.frames(payloads, 0)


@dataclass
class Disk:
    """One run folder.

    Attributes:
        truth: all that its writer ever writes into the journal.
        said: every content that any of its files ever had.
        changes: how often what lies in the folder became another.
    """

    rng: random.Random
    root: Path
    number: int
    truth: bytes = b""
    said: set[bytes] = field(default_factory=set)
    changes: int = 0
    _ticks: int = 0
    _time_ns: int = _TIMES_NS[0]
    _lock: int = -1

    @property
    def run_id(self) -> str:
        return f"run{self.number}"

    @property
    def run_dir(self) -> RunDir:
        (found,) = self.root.glob(f"*/run-{self.run_id}.wandb")
        return RunDir(found)

    def make(self) -> Disk:
        rng = self.rng
        here = os.uname().nodename
        host = rng.choice((here, here, "elsewhere"))
        artifacts = self._stage() if rng.random() < 0.5 else ()
        whole = _whole(self.run_id, rng.choice(_LENGTHS), host, rng.random() < 0.7, artifacts)
        data = bytearray(whole)
        if rng.random() < 0.2:
            for _ in range(16):
                data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        self.truth = bytes(data)
        folder = self.root / f"offline-run-20261121_10000{self.number}-{self.run_id}"
        (folder / "files" / "media").mkdir(parents=True)
        (folder / f"run-{self.run_id}.wandb").touch()
        self.grow(rng.choice((0.0, 1.0, rng.random())))
        for _ in range(rng.randrange(4)):
            self.change_file()
        if host == here and rng.random() < 0.3:
            self._lock = os.open(self.run_dir.journal, os.O_RDONLY)
            rundir.hold(self._lock)
        return self

    def _stage(self) -> tuple[bytes, ...]:
        """Artifacts: two versions of one that share a file, and one whose manifest is a file."""
        common = bytes([self.number]) * 900
        versions = [{"a": b"first", "c": common}, {"a": b"second", "c": common, "e": b""}]
        large = {"large": bytes([65 + self.number]) * _BIG}
        self.said.update(data for files in (*versions, large) for data in files.values())
        records = [artifact_record(self.staging, files) for files in versions]
        records.append(artifact_record(self.staging, large, name="data", spill=True))
        self.said.update(path.read_bytes() for path in self.staging.rglob("*") if path.is_file())
        return tuple(records)

    @property
    def staging(self) -> Path:
        return self.root / "staging" / self.run_id

    def end(self) -> None:
        """The writer ends."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def change(self) -> str:
        """Something happens to the folder; returns what."""
        acts = [
            self.grow,
            self.grow,
            self.change_file,
            self.cut,
            self.replace,
            self.move,
            self.jump,
        ]
        if self.staging.exists():
            acts += [self.unstage, self.keep]
        what = self.rng.choice(acts)
        self.changes += what not in (self.move, self.jump)
        what()
        return f"{self.run_id} {what.__name__}"

    def grow(self, share: float | None = None) -> None:
        """More of the truth is written, up to any byte of it."""
        path = self.run_dir.journal
        size = path.stat().st_size
        share = self.rng.random() if share is None else share
        with path.open("ab") as file:
            file.write(self.truth[size : size + round(share * (len(self.truth) - size))])
        self._touch(path)

    def complete(self) -> None:
        self.grow(1.0)

    def cut(self) -> None:
        """The file gets shorter, in place."""
        path = self.run_dir.journal
        os.truncate(path, self.rng.randrange(path.stat().st_size + 1))
        self._touch(path)

    def replace(self) -> None:
        """An older copy comes in its place."""
        path = self.run_dir.journal
        copy = path.with_name("copy")
        copy.write_bytes(self.truth[: self.rng.randrange(path.stat().st_size + 1)])
        os.replace(copy, path)
        self._touch(path)

    def move(self) -> None:
        """The folder gets another name."""
        folder = self.run_dir.path
        self._ticks += 1
        stem = f"offline-run-20261121_1{self._ticks:05}-{self.run_id}"
        shutil.move(folder, folder.with_name(stem))

    def jump(self) -> None:
        """The clock of whoever writes jumps: times of change lie years before or ahead."""
        self._time_ns = self.rng.choice(_TIMES_NS)
        self._touch(self.run_dir.journal)

    def change_file(self) -> None:
        """A file is new, other, or gone."""
        path = self.run_dir.files / self.rng.choice(_FILES)
        if path.exists() and self.rng.random() < 0.2:
            path.unlink()
            return
        size = _BIG if self.rng.random() < 0.1 else self.rng.choice((0, 7, 7, 900))
        data = self.rng.randbytes(size)
        self.said.add(data)
        path.write_bytes(data)
        self._touch(path)

    def unstage(self) -> None:
        """Something that was staged is gone."""
        staged = sorted(path for path in self.staging.rglob("*") if path.is_file())
        if staged:
            self.rng.choice(staged).unlink()

    def keep(self) -> None:
        """Something that an artifact names is put into the run folder, whole or not."""
        found = [
            (file.path, Path(file.places[1])) for file in files_of(self.run_dir) if file.places
        ]
        there = [(path, staged) for path, staged in found if staged.exists()]
        if not there:
            return
        path, staged = self.rng.choice(there)
        place = self.run_dir.path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(staged.read_bytes()[: self.rng.choice((None, None, 1))])
        self._touch(place)

    def files(self) -> dict[str, bytes]:
        """All that should be on the server: below ``files/``, and what artifacts name."""
        top = self.run_dir.files
        named = {}
        for file in files_of(self.run_dir):
            for place in map(Path, file.places):
                if place.is_file() and hashlib.md5(place.read_bytes()).digest() == file.md5:
                    named[file.path] = place.read_bytes()
        return named | {
            path.relative_to(top).as_posix(): path.read_bytes()
            for path in top.rglob("*")
            if path.is_file()
        }

    def _touch(self, path: Path) -> None:
        """No two changes have one time: a kernel's clock is coarser than this simulation."""
        self._ticks += 1
        time_ns = self._time_ns + self._ticks * 1000
        os.utime(path, ns=(time_ns, time_ns))
