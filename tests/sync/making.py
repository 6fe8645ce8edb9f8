"""Run folders and collaborators for the tests of sync."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sync.memory_server import MemoryServer

from holdfast import rundir
from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.rundir import RunDir
from holdfast.sync.context import Context, Wishes
from holdfast.sync.transport import Transport

START = datetime(2026, 11, 21, 10, 0, 0, tzinfo=timezone.utc)


def run_info(run_id: str, **said: Any) -> encode.RunInfo:
    names = encode.RunInfo._fields
    given: dict[str, Any] = {"run_id": run_id, "project": "digits", "start_time": 1_790_000_000.0}
    given.update(said)
    return encode.RunInfo(**{name: given[name] for name in names if name in given})


def rows(count: int, *, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"loss": 1 / (1 + i), "acc": i / 7, "_step": i, "_timestamp": 1.79e9 + i, "_runtime": i}
        for i in range(first, first + count)
    ]


def append_rows(writer: Writer, some: Sequence[Mapping[str, Any]]) -> None:
    encoder = encode.HistoryEncoder()
    for row in some:
        writer.append(encoder.encode(row, row["_step"]))


def start_run(wandb: Path, run_id: str, *, number: int = 0, **said: Any) -> tuple[RunDir, Writer]:
    """A run folder with header and run record, its writer open and holding the lock."""
    run_dir = rundir.create(
        wandb, run_id, online=False, now=START.replace(minute=number // 60, second=number % 60)
    )
    writer = Writer(run_dir.journal, fsync="never")
    rundir.hold(writer.fileno())
    writer.append(encode.header("holdfast test", host=os.uname().nodename, pid=os.getpid()))
    writer.append(encode.run(run_info(run_id, **said)))
    return run_dir, writer


def make_run(
    wandb: Path,
    run_id: str,
    *,
    number: int = 0,
    count: int = 10,
    finished: bool = True,
    files: Mapping[str, bytes] | None = None,
    records: Sequence[bytes] = (),
    **said: Any,
) -> RunDir:
    """A run folder whose writer is gone; ``records`` come after its rows."""
    run_dir, writer = start_run(wandb, run_id, number=number, **said)
    append_rows(writer, rows(count))
    for payload in records:
        writer.append(payload)
    if finished:
        writer.append(encode.exit_record(0, 12))
    writer.close()
    for name, data in ({"requirements.txt": b"numpy\n"} if files is None else files).items():
        path = run_dir.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return run_dir


class Listener:
    """A reporter that keeps what it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.expected = 0
        self.advanced = 0

    def expect(self, run_dir: RunDir, size: int) -> None:
        self.expected += size

    def advance(self, run_dir: RunDir, size: int) -> None:
        self.advanced += size

    def say(self, line: str) -> None:
        self.lines.append(line)


def context(transport: Transport, **wishes: Any) -> Context:
    return Context(
        transport=transport,
        base_url="http://memory",
        viewer=transport.viewer(),
        report=Listener(),
        wishes=Wishes(**wishes),
    )


def held(server: MemoryServer, run_dir: RunDir) -> bool:
    """Whether the server holds the journal and the files as they lie on disk."""
    (journal,) = [j for j in server.journals if j.run.run_id == run_dir.run_id]
    data = run_dir.journal.read_bytes()
    files = {
        str(path.relative_to(run_dir.files)): path.read_bytes()
        for path in run_dir.files.rglob("*")
        if path.is_file()
    }
    there = {
        path: server.blobs[journal.run.entity, entry.digest]
        for path, entry in server.files.get(journal, {}).items()
    }
    return data.startswith(server.journals[journal]) and there == files
