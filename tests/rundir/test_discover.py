"""Finding run folders from wherever somebody stands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rundir.places import run_folder

from holdfast.errors import NotFoundError
from holdfast.rundir import discover, runs_with_id


def found(path: Path) -> list[Path]:
    return [run.journal for run in discover(path)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def test_from_a_journal_a_run_folder_a_wandb_folder_and_above(project: Path) -> None:
    wandb = project / "wandb"
    one = run_folder(wandb, "a", "20260101_000000")
    two = run_folder(wandb, "b", "20260102_000000", online=True)
    assert found(one) == [one]
    assert found(one.parent) == [one]
    assert found(wandb) == [one, two]
    assert found(project) == [one, two]
    assert found(project.parent) == [one, two]


def test_a_journal_is_taken_whatever_its_name(tmp_path: Path) -> None:
    copied = tmp_path / "copied.bin"
    copied.write_bytes(b"")
    assert found(copied) == [copied]
    assert found(tmp_path) == []


def test_runs_come_in_order_of_start(project: Path) -> None:
    later = run_folder(project / "a" / "wandb", "a", "20260103_000000")
    first = run_folder(project / "b" / "wandb", "b", "20260101_000000", online=True)
    second = run_folder(project / "a" / "wandb", "z", "20260102_000000")
    copied = project / "copied" / "x.wandb"
    copied.parent.mkdir()
    copied.write_bytes(b"")
    assert found(project) == [copied, first, second, later]


@pytest.mark.parametrize("name", ["logs", "tmp", "files", "media", "artifacts", "runs", "out.d"])
def test_runs_may_be_kept_in_folders_of_any_name(name: str, project: Path) -> None:
    run = run_folder(project / name / "wandb", "a", "20260101_000000")
    assert found(project) == [run]


@pytest.mark.parametrize("name", ["node_modules", ".git", "__pycache__"])
def test_folders_that_hold_no_runs_are_passed_over(name: str, project: Path) -> None:
    run_folder(project / name / "wandb", "a", "20260101_000000")
    assert found(project) == []


def test_what_lies_in_a_run_is_none(project: Path) -> None:
    run = run_folder(project / "wandb", "a", "20260101_000000")
    (run.parent / "artifacts/model").mkdir(parents=True)
    for part in ("files/media", "artifacts/model", "logs", "tmp/code"):
        (run.parent / part / "copy.wandb").write_bytes(b"")
    assert found(project) == [run]


def test_a_stray_journal_hides_nothing_below(project: Path) -> None:
    run = run_folder(project / "wandb", "a", "20260101_000000")
    stray = project / "run-a.wandb"
    stray.write_bytes(b"")
    assert found(project) == [stray, run]


def test_several_journals_in_one_folder(project: Path) -> None:
    one = run_folder(project / "wandb", "a", "20260101_000000")
    two = one.with_name("run-b.wandb")
    two.write_bytes(b"")
    (one.parent / "run-a.wandb.synced").write_bytes(b"")
    (one.parent / "run-a.wandb.receipt.json").write_bytes(b"{}")
    assert found(project) == [one, two]


def test_links_do_not_double_a_run(project: Path) -> None:
    run = run_folder(project / "wandb", "a", "20260101_000000")
    (project / "wandb" / "latest-run").symlink_to(run.parent.name)
    (project / "wandb" / "up").symlink_to("..")
    (project / "loop").symlink_to(".")
    (project / "again.wandb").symlink_to(run)
    (project / "broken.wandb").symlink_to("nowhere")
    os.link(run, project / "wandb" / "hard.wandb")
    assert len(found(project)) == 1


def test_a_link_to_a_run_is_the_run(project: Path) -> None:
    run = run_folder(project / "wandb", "a", "20260101_000000")
    link = project / "wandb" / "latest-run"
    link.symlink_to(run.parent.name)
    [one] = discover(link)
    assert one.journal == run.resolve()
    assert (one.started, one.path.is_symlink()) == ("20260101_000000", False)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is nothing at"):
        found(tmp_path / "none")
    assert found(tmp_path) == []


def test_a_folder_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotFoundError):
        found(tmp_path / "file" / "wandb")


_AS_NOBODY = """
import os, sys
from pathlib import Path
from holdfast.errors import StorageError
from holdfast.rundir import discover
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
top, closed = Path(sys.argv[1]), Path(sys.argv[2])
seen = []
print([run.run_id for run in discover(top, on_error=seen.append)])
print([Path(error.filename).name for error in seen], [run.run_id for run in discover(top)])
for path in (closed, closed / "wandb"):
    try:
        print(list(discover(path)))
    except StorageError as error:
        print(error)
"""


def test_folders_that_may_not_be_read() -> None:
    """Root may read anything, so the search runs as somebody who is not root."""
    # The folders of pytest are closed to others; this one lies in the system's own.
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        run_folder(top / "open" / "wandb", "a", "20260101_000000")
        closed = top / "closed"
        run_folder(closed / "wandb", "b", "20260101_000000")
        for folder in (top, top / "open", top / "open" / "wandb"):
            folder.chmod(0o755)
        closed.chmod(0)
        try:
            done = subprocess.run(
                [sys.executable, "-c", _AS_NOBODY, str(top), str(closed)],
                check=True,
                capture_output=True,
                text=True,
            )
        finally:
            closed.chmod(0o755)
    first, second, *rest = done.stdout.splitlines()
    assert first == "['a']"
    assert second == "['closed'] ['a']"
    assert rest == [
        f"cannot read {path}: Permission denied; check the rights of the folder"
        for path in (closed, closed / "wandb")
    ]


# runs with one id


def test_the_folders_of_one_run(project: Path) -> None:
    wandb = project / "wandb"
    second = run_folder(wandb, "a", "20260102_000000")
    first = run_folder(wandb, "a", "20260101_000000", online=True)
    run_folder(wandb, "ab", "20260101_000000")
    run_folder(wandb, "b-a", "20260101_000000")
    (wandb / "latest-run").symlink_to(second.parent.name)
    (wandb / "offline-run-20260103_000000-a").symlink_to(second.parent.name)
    assert [run.journal for run in runs_with_id(wandb, "a")] == [first, second]
    assert runs_with_id(wandb, "none") == []
    assert runs_with_id(project / "none", "a") == []


def test_two_of_one_second_come_in_the_order_in_which_they_were_written(project: Path) -> None:
    wandb = project / "wandb"
    first = run_folder(wandb, "a", "20260101_000000")
    second = first.parent.with_name(first.parent.name + "-1") / first.name
    second.parent.mkdir()
    second.write_bytes(b"")
    os.utime(first, (2000, 2000))
    os.utime(second, (1000, 1000))
    assert [run.journal for run in runs_with_id(wandb, "a")] == [second, first]


@pytest.mark.parametrize("run_id", ["[ab]", "a]b[c", "!a", "[!a]", "{a,b}", "a-b", "…"])
def test_ids_with_characters_of_patterns(run_id: str, project: Path) -> None:
    wandb = project / "wandb"
    run = run_folder(wandb, run_id, "20260101_000000")
    for other in ("a", "b", "ab"):
        run_folder(wandb, other, "20260101_000000")
    assert [found.journal for found in runs_with_id(wandb, run_id)] == [run]


def test_a_journal_that_is_gone_does_not_stop_the_others(project: Path) -> None:
    wandb = project / "wandb"
    run = run_folder(wandb, "a", "20260101_000000")
    broken = run_folder(wandb, "a", "20260102_000000")
    broken.unlink()
    broken.symlink_to("nowhere")
    assert run in [one.journal for one in runs_with_id(wandb, "a")]
