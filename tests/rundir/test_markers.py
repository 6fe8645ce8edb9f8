"""Small files beside the journal: written whole or not at all, read as hints."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from holdfast.errors import StorageError
from holdfast.rundir import (
    RunDir,
    mark_synced,
    read_receipt,
    read_spec,
    write_receipt,
    write_spec,
)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path / "run-a.wandb")


def test_spec(tmp_path: Path) -> None:
    assert read_spec(tmp_path) is None
    spec = {"run_id": "a", "path": "…", "state": "running", "started_at": 1.5}
    write_spec(tmp_path, spec)
    assert read_spec(tmp_path) == spec
    write_spec(tmp_path, {**spec, "state": "finished"})
    assert read_spec(tmp_path) == {**spec, "state": "finished"}
    assert [item.name for item in tmp_path.iterdir()] == ["latest.spec"]


def test_receipt(run: RunDir) -> None:
    assert read_receipt(run) is None
    write_receipt(run, {"position": 7, "complete": True})
    assert read_receipt(run) == {"position": 7, "complete": True}
    assert [item.name for item in run.path.iterdir()] == ["run-a.wandb.receipt.json"]


def test_synced_marker_is_empty(run: RunDir) -> None:
    mark_synced(run)
    mark_synced(run)
    assert run.synced_marker.read_bytes() == b""


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "\x00" * 100, "\udcff"])
def test_what_cannot_be_read_is_no_receipt(text: str, run: RunDir) -> None:
    run.receipt.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert read_receipt(run) is None


def test_what_cannot_be_written_leaves_nothing(run: RunDir) -> None:
    write_receipt(run, {"old": 1})
    run.receipt.rename(run.path / "kept")
    run.receipt.mkdir()
    (run.receipt / "in the way").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot write"):
        write_receipt(run, {"new": 2})
    assert sorted(item.name for item in run.path.iterdir()) == ["kept", run.receipt.name]


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot write"):
        write_spec(tmp_path / "none", {})


def test_readers_see_the_old_or_the_new(run: RunDir) -> None:
    write_receipt(run, {"number": 0, "filling": "x" * 20_000})
    stop = threading.Event()
    seen: list[dict[str, object] | None] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(read_receipt(run))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(100):
        write_receipt(run, {"number": number, "filling": "x" * 20_000})
    stop.set()
    thread.join()
    assert seen
    assert None not in seen
