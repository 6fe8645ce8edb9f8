"""Which runs a command made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.making import append_rows, make_run, rows, start_run

from holdfast.errors import StorageError
from holdfast.rundir import RunDir, discover
from holdfast.sync import made
from holdfast.sync.made import Before


def test_runs_that_appeared_or_grew(tmp_path: Path) -> None:
    root = tmp_path / "wandb"
    assert Before(root).made() == []
    make_run(root, "old", number=1)
    grown, writer = start_run(root, "grown", number=2)
    before = Before(root)
    assert before.made() == []
    append_rows(writer, rows(3))
    writer.close()
    new = make_run(root, "new", number=3)
    assert before.made() == [grown, new]


def test_a_run_that_goes_meanwhile_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Before(tmp_path)
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(3)]

    def going(root: Path) -> Iterator[RunDir]:
        found = list(discover(root))
        runs[1].journal.unlink()
        yield from found

    monkeypatch.setattr(made, "discover", going)
    assert before.made() == [runs[0], runs[2]]


def test_a_folder_that_cannot_be_read_is_told_after_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(root: Path) -> Iterator[RunDir]:
        raise StorageError(f"cannot read {root}: Permission denied")

    monkeypatch.setattr(made, "discover", refused)
    before = Before(tmp_path)
    with pytest.raises(StorageError):
        before.made()
