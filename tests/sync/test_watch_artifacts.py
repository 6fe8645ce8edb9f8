"""Files of artifacts while runs are followed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sync.making import append_rows, make_run, rows, start_run
from sync.memory_server import MemoryServer
from sync.staging import artifact_record
from sync.watching import Start, confirmed, held
from waiting import until

from holdfast.records import encode

pytestmark = pytest.mark.usefixtures("quick_watch")


def test_files_of_artifacts_go_last_and_hold_up_no_metrics(
    tmp_path: Path, watching: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path / "wandb", "aaaa")
    append_rows(writer, rows(20))
    (run_dir.files / "media").mkdir()
    (run_dir.files / "media/a.png").write_bytes(b"a")
    writer.append(artifact_record(tmp_path / "staging", {"weights.bin": b"w" * 1000}))
    named: list[str] = []
    inner, held_up = server.name_files, threading.Event()

    def name_files(journal, entries, blobs):  # type: ignore[no-untyped-def]
        named.extend(entry.path for entry in entries)
        if any(entry.path.startswith("artifacts/") for entry in entries):
            assert held_up.wait(30)
        return inner(journal, entries, blobs)

    monkeypatch.setattr(server, "name_files", name_files)
    one = watching(server, tmp_path / "wandb")
    until(lambda: any(path.startswith("artifacts/") for path in named))
    assert named[0] == "media/a.png"
    append_rows(writer, rows(20, first=20))
    other = make_run(tmp_path / "wandb", "bbbb", number=1, files={"media/b.png": b"b"})
    ((journal, _),) = [item for item in server.journals.items() if item[0].run.run_id == "aaaa"]
    until(lambda: len(server.journals[journal]) == run_dir.journal.stat().st_size)
    until(lambda: one.states()["bbbb"] == "confirmed")
    assert held(server, other)
    held_up.set()
    until(lambda: b"w" * 1000 in server.blobs.values())  # while it still runs
    second = artifact_record(tmp_path / "staging", {"weights.bin": b"v" * 1000})
    writer.append(second)
    until(lambda: b"v" * 1000 in server.blobs.values())
    writer.append(encode.exit_record(0, 1))
    writer.close()
    until(confirmed(one))
    assert sum(path.startswith("artifacts/") for path in server.files[journal]) == 2
