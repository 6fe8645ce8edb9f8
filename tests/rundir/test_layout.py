"""Names and places of a run folder, and making one."""

from __future__ import annotations

import os
import threading
from datetime import datetime
from pathlib import Path

import pytest

from holdfast.errors import StorageError
from holdfast.rundir import RunDir, create, discover, of_folder, runs_with_id

NOW = datetime(2026, 11, 21, 10, 15, 0)  # noqa: DTZ001  folder names are in local time


@pytest.fixture
def wandb(tmp_path: Path) -> Path:
    return tmp_path / "somewhere" / "wandb"


@pytest.mark.parametrize(
    ("online", "name"),
    [(False, "offline-run-20261121_101500-4k2j9x0a"), (True, "run-20261121_101500-4k2j9x0a")],
)
def test_names_are_those_of_wandb(online: bool, name: str, wandb: Path) -> None:
    run = create(wandb, "4k2j9x0a", online=online, now=NOW)
    assert run.path == wandb / name
    assert run.journal == wandb / name / "run-4k2j9x0a.wandb"
    assert (run.run_id, run.started) == ("4k2j9x0a", "20261121_101500")
    assert run.files == wandb / name / "files"
    assert run.logs == wandb / name / "logs"
    assert sorted(item.relative_to(run.path).as_posix() for item in run.path.rglob("*")) == [
        "files",
        "logs",
        "tmp",
        "tmp/code",
    ]
    assert not run.journal.exists()


def test_names_of_markers(wandb: Path) -> None:
    run = create(wandb, "a", online=False, now=NOW)
    assert run.synced_marker.name == "run-a.wandb.synced"
    assert run.receipt.name == "run-a.wandb.receipt.json"
    assert run.synced_marker.parent == run.receipt.parent == run.path


def test_latest_run_is_turned_to_the_newest(wandb: Path) -> None:
    for run_id in ("a", "b"):
        run = create(wandb, run_id, online=False, now=NOW)
        assert os.readlink(wandb / "latest-run") == run.path.name
        assert (wandb / "latest-run" / "files").is_dir()
    assert sorted(item.name for item in wandb.iterdir()) == [
        "latest-run",
        "offline-run-20261121_101500-a",
        "offline-run-20261121_101500-b",
    ]


def test_a_folder_called_latest_run_is_left_alone(wandb: Path) -> None:
    (wandb / "latest-run" / "mine").mkdir(parents=True)
    create(wandb, "a", online=False, now=NOW)
    assert (wandb / "latest-run" / "mine").is_dir()


def test_the_same_id_in_the_same_second(wandb: Path) -> None:
    runs = [create(wandb, "a", online=False, now=NOW) for _ in range(3)]
    assert [run.path.name for run in runs] == [
        "offline-run-20261121_101500-a",
        "offline-run-20261121_101500-a-1",
        "offline-run-20261121_101500-a-2",
    ]
    assert {run.run_id for run in runs} == {"a"}
    assert {run.started for run in runs} == {"20261121_101500"}
    for run in runs:
        run.journal.touch()
    assert list(discover(wandb)) == runs


def test_many_at_once_get_a_folder_each(wandb: Path) -> None:
    made: list[Path] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        made.append(create(wandb, "a", online=False, now=NOW).path)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8
    assert (wandb / "latest-run").is_dir()


def test_after_a_hundred_it_gives_up(wandb: Path) -> None:
    stem = "offline-run-20261121_101500-a"
    for name in [stem, *(f"{stem}-{number}" for number in range(1, 100))]:
        (wandb / name).mkdir(parents=True)
    with pytest.raises(StorageError, match="a hundred folders"):
        create(wandb, "a", online=False, now=NOW)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "wandb").write_text("a file")
    with pytest.raises(StorageError, match="cannot create the run folder") as caught:
        create(tmp_path / "wandb", "a", online=False, now=NOW)
    assert "WANDB_DIR" in caught.value.do


def test_a_name_too_long_for_the_filesystem(wandb: Path) -> None:
    with pytest.raises(StorageError, match="cannot create the run folder"):
        create(wandb, "ключ" * 64, online=False, now=NOW)


@pytest.mark.parametrize(
    ("path", "run_id", "started"),
    [
        ("wandb/run-20260102_030405-abc/run-abc.wandb", "abc", "20260102_030405"),
        ("wandb/offline-run-20260102_030405-a-b-c/run-a-b-c.wandb", "a-b-c", "20260102_030405"),
        ("wandb/offline-run-20260102_030405-abc-1/run-abc.wandb", "abc", "20260102_030405"),
        ("wandb/offline-run-20260102_030405-abc/other.wandb", "abc", "20260102_030405"),
        ("copied/run-abc.wandb", "abc", ""),
        ("copied/x.wandb", "x", ""),
        ("run-.wandb", "run-", ""),
    ],
)
def test_a_run_is_known_by_its_journal(path: str, run_id: str, started: str) -> None:
    run = RunDir(Path(path))
    assert (run.run_id, run.started) == (run_id, started)


def test_folders_of_several_writers(wandb: Path) -> None:
    runs = [create(wandb, "a-1", online=False, now=NOW, label="rank_0") for _ in range(2)]
    runs.append(create(wandb, "a-1", online=False, now=NOW, label="rank_0-1"))
    runs.append(create(wandb, "a-1", online=False, now=NOW))
    assert [run.path.name for run in runs] == [
        "offline-run-20261121_101500-a-1%rank_0",
        "offline-run-20261121_101500-a-1%rank_0%1",
        "offline-run-20261121_101500-a-1%rank_0-1",
        "offline-run-20261121_101500-a-1",
    ]
    assert [run.label for run in runs] == ["rank_0", "rank_0", "rank_0-1", ""]
    for run in runs:
        run.journal.touch()
        assert (run.run_id, run.started) == ("a-1", "20261121_101500")
        assert of_folder(run.path) == run
    assert set(runs_with_id(wandb, "a-1", "rank_0")) == set(runs[:2])
    assert set(runs_with_id(wandb, "a-1")) == set(runs)
