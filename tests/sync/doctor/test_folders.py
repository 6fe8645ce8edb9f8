"""Run folders: what is pending, and what of them stands in the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer
from sync.staging import artifact_record, restage
from wandb_runs import Fixture, fixture, fixtures

from holdfast.rundir import RunDir
from holdfast.rundir.quarantine import fresh_journal
from holdfast.sync.doctor import examine
from holdfast.sync.doctor.examine import look_at_here
from holdfast.sync.doctor.finding import Finding, apply_fix
from holdfast.sync.doctor.folders import Pending, look_at_folder
from holdfast.sync.one import sync_run

SERVER = "http://memory"


def looked(run_dir: RunDir, pending: Pending | None = None) -> list[Finding]:
    return list(look_at_folder(run_dir, SERVER, pending or Pending()))


def words(run_dir: RunDir) -> str:
    return "; ".join(f"{found.severity}: {found.what}" for found in looked(run_dir))


def test_a_confirmed_run_has_nothing(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    sync_run(context(MemoryServer()), run_dir)
    pending = Pending()
    assert looked(run_dir, pending) == []
    assert (pending.runs, pending.size, pending.synced) == (0, 0, [run_dir])


def test_why_a_run_is_pending(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    pending = Pending()
    [found] = looked(run_dir, pending)
    assert (found.what, found.evidence) == ("pending", "it was never sent, or not to its end")
    assert 50 < pending.longest < 500
    assert (pending.runs, pending.size) == (1, run_dir.journal.stat().st_size + 6)
    run_dir.synced_marker.touch()
    assert "W&B's tools marked it" in looked(run_dir)[0].evidence
    sync_run(context(MemoryServer()), run_dir)
    (run_dir.files / "more.txt").write_text("new")
    assert "something changed" in looked(run_dir)[0].evidence
    other = list(look_at_folder(run_dir, "http://elsewhere", Pending()))
    assert "confirmed by http://memory only" in other[0].evidence


def test_a_journal_that_is_gone_empty_or_foreign(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    run_dir.journal.write_bytes(b"PK\3\4 a zip")
    assert words(run_dir) == "error: nothing in the journal can be read"
    run_dir.journal.write_bytes(b"")
    [found] = looked(run_dir)
    assert "the file is empty" in found.evidence
    assert "holdfast repair" in found.cure
    run_dir.journal.unlink()
    assert words(run_dir) == "error: the journal is gone"


def test_damage_and_a_torn_tail(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=40)
    data = bytearray(run_dir.journal.read_bytes())
    data[1500] ^= 0xFF
    run_dir.journal.write_bytes(data + b"torn")
    assert "warning: the journal is damaged in 1 place;" in words(run_dir)
    assert "note: the journal ends in half a frame" in words(run_dir)


def test_a_run_that_is_being_written(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(3))
    assert words(run_dir) == "note: pending"
    writer.close()


def test_files_that_are_gone(tmp_path: Path) -> None:
    [process] = fixture("0.31.0/media").unpack(tmp_path)
    run_dir = RunDir(process.journal)
    assert "files that the journal names are gone" not in words(run_dir)
    media = next(path for path in run_dir.files.rglob("*.png"))
    media.unlink()
    [gone] = [one for one in looked(run_dir) if "names are gone" in one.what]
    assert media.name in gone.evidence


def test_a_missing_files_folder(tmp_path: Path) -> None:
    [process] = fixture("0.31.0/damaged/missing-files-dir").unpack(tmp_path)
    assert "warning: the folder `files` is missing" in words(RunDir(process.journal))


@pytest.mark.parametrize("one", fixtures(scenario="artifact"), ids=str)
def test_artifacts_that_were_staged_elsewhere(one: Fixture, tmp_path: Path) -> None:
    [process] = one.unpack(tmp_path)
    run_dir = RunDir(process.journal)
    assert "files of artifact demo-data (2 versions) are gone from where wandb" in words(run_dir)
    assert "outside the run folder" not in words(run_dir)
    staged = restage(run_dir, tmp_path / "home")
    assert f"{len(staged)} files of artifacts lie outside the run folder" in words(run_dir)
    server = MemoryServer()
    assert sync_run(context(server), run_dir).state == "confirmed"
    for path in staged:
        path.unlink()
    found = [one.what for one in looked(run_dir) if "artifact" in one.what]
    assert all("1 of 7 files" in what for what in found)  # those that the server never had
    other = list(look_at_folder(run_dir, "http://elsewhere", Pending()))
    assert any("of artifact demo-model (0c346dc6) are gone" in one.what for one in other)


def test_how_much_of_artifacts_is_pending(tmp_path: Path) -> None:
    record = artifact_record(tmp_path / "staging", {"a": b"a" * 10_000_000})
    run_dir = make_run(tmp_path / "wandb", "aaaa", records=[record])
    pending = Pending()
    looked(run_dir, pending)
    assert pending.size > 10_000_000


def test_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root may read everything, `os.access` is asked in its place."""
    run_dir = make_run(tmp_path, "aaaa")
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    assert "note: the folder is read-only" in words(run_dir)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "error: the journal may not be read" in words(run_dir)


def test_what_a_broken_off_repair_left(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    left = fresh_journal(run_dir)
    left.write_bytes(b"half")
    first, *_ = looked(run_dir)
    assert apply_fix(first) == f"removed {left}"
    assert not left.exists()
    assert run_dir.journal.exists()


def test_an_unusual_place(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    elsewhere = run_dir.path.rename(tmp_path / "copied")
    assert "not named as W&B names run folders" in words(RunDir(elsewhere / "run-aaaa.wandb"))


def test_a_folder_that_goes_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are looked at all the same."""
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(3)]
    look = examine.look_at_folder

    def going(run_dir: RunDir, server: str, pending: Pending) -> Iterator[Finding]:
        if run_dir == runs[1]:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(run_dir.journal))
        return look(run_dir, server, pending)

    monkeypatch.setattr(examine, "look_at_folder", going)
    pending = Pending()
    found = list(look_at_here([tmp_path], SERVER, pending, lambda done, whole: None))
    [gone] = [one for one in found if one.severity == "error" and one.subject == "folders"]
    assert (gone.path, gone.evidence) == (runs[1].path, f"{runs[1].journal}: No such file")
    assert pending.runs == 2
