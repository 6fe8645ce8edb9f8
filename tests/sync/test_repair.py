"""Repair: what is kept, what is told, what becomes of the original."""

from __future__ import annotations

import errno
import json
import math
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync.making import Listener, append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer
from wandb_runs import Fixture, fixtures

from holdfast.errors import StorageError, UnconfirmedError
from holdfast.journal import Frame, Gap, Reader
from holdfast.records import encode
from holdfast.records.decode import history_row, kind, parse
from holdfast.records.replay import Replay
from holdfast.rundir import RunDir, discover, read_receipt
from holdfast.rundir.quarantine import quarantined
from holdfast.sync.one import sync_run
from holdfast.sync.repair import Repaired, repair_run
from holdfast.sync.survey import Survey
from holdfast.sync.verify import verify_run


def repaired(run_dir: RunDir, **options: Any) -> Repaired:
    found = repair_run(run_dir, Listener(), **options)
    assert found.error is None, found.error
    return found


def payloads(journal: Path) -> list[bytes]:
    with journal.open("rb") as file:
        return [item.payload for item in Reader(file) if isinstance(item, Frame)]


def gaps(journal: Path) -> list[Gap]:
    with journal.open("rb") as file:
        return [item for item in Reader(file) if isinstance(item, Gap)]


def steps(journal: Path) -> list[int]:
    found = [p for p in payloads(journal) if kind(p) == "history"]
    return [history_row(parse(p).history)["_step"] for p in found]


def replay(journal: Path) -> Replay:
    found = Replay()
    found.apply(payloads(journal))
    return found


def identity(journal: Path) -> str:
    with Survey(journal) as survey:
        survey.advance(growing=False)
        return survey.journal


def looks(folder: Path) -> dict[Path, tuple[int, int, int]]:
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (one.st_ino, one.st_size, one.st_mtime_ns) for path, one in found.items()}


def flip(run_dir: RunDir, *places: int) -> None:
    data = bytearray(run_dir.journal.read_bytes())
    for place in places:
        data[place] ^= 0xFF
    run_dir.journal.write_bytes(data)


def frame_of(run_dir: RunDir, name: str, number: int = 0) -> Frame:
    with run_dir.journal.open("rb") as file:
        frames = [item for item in Reader(file) if isinstance(item, Frame)]
    return [frame for frame in frames if kind(frame.payload) == name][number]


@pytest.mark.parametrize("fixture", fixtures(damaged=True), ids=str)
def test_every_recoverable_step_is_kept(fixture: Fixture, tmp_path: Path) -> None:
    [process] = fixture.unpack(tmp_path)
    run_dir = RunDir(process.journal)
    before = run_dir.journal.read_bytes()
    found = repaired(run_dir)
    assert steps(run_dir.journal) == process.truth["recoverable_steps"]
    assert gaps(run_dir.journal) == []
    assert found.rows == len(process.truth["recoverable_steps"])
    if fixture.damage != "missing-files-dir":
        assert verify_run(run_dir, Listener()).errors == []
    if found.changed:
        assert found.original is not None
        assert found.original.read_bytes() == before
        assert list(discover(tmp_path)) == [run_dir]
    again = repaired(run_dir)
    assert (again.changed, again.rows) == (False, found.rows)


@pytest.mark.parametrize("fixture", fixtures(damaged=False, scenario="basic"), ids=str)
def test_what_is_whole_is_left_alone(fixture: Fixture, tmp_path: Path) -> None:
    for process in fixture.unpack(tmp_path):
        before = looks(process.folder)
        found = repaired(RunDir(process.journal))
        assert not found.changed
        assert looks(process.folder) == before


def test_a_torn_tail_is_cut_off_and_the_journal_stays_the_same_one(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", finished=False)
    whole = run_dir.journal.read_bytes()
    server = MemoryServer()
    sync_run(context(server), run_dir)
    with run_dir.journal.open("ab") as file:
        file.write(b"torn")
    found = repaired(run_dir)
    assert (found.changed, found.torn, found.lost) == (True, 4, [])
    assert run_dir.journal.read_bytes() == whole
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert len(server.journals) == 1


def test_a_tail_that_was_confirmed_is_no_torn_tail(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    server = MemoryServer()
    sync_run(context(server), run_dir)
    end = frame_of(run_dir, "exit").start
    os.truncate(run_dir.journal, end + 3)
    found = repaired(run_dir)
    assert (found.torn, [(one.start, one.end, one.after) for one in found.lost]) == (
        0,
        [(end, end + 3, 9)],
    )
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert len(server.journals) == 2


def test_what_is_lost_is_told_by_bytes_and_steps(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=50)
    frames = [frame_of(run_dir, "history", n) for n in (0, 20, 21, 49)]
    flip(run_dir, *(frame.start + 9 for frame in frames))
    found = repaired(run_dir)
    assert [(one.start, one.end, one.after, one.before) for one in found.lost] == [
        (frames[0].start, frames[0].end, None, 1),
        (frames[1].start, frames[2].end, 19, 22),
        (frames[3].start, frames[3].end, 48, None),
    ]
    assert found.rows == 46
    assert json.dumps(found.to_json())
    said = replay(run_dir.journal)
    assert said.lost == [[one.start, one.end] for one in found.lost]
    assert said.exit_code == 0


def test_the_repaired_journal_names_the_one_it_stands_for(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    first = identity(run_dir.journal)
    flip(run_dir, frame_of(run_dir, "history", 3).start + 9)
    repaired(run_dir)
    second = identity(run_dir.journal)
    assert second != first
    assert replay(run_dir.journal).replaces == [first]
    flip(run_dir, frame_of(run_dir, "history", 5).start + 9)  # again, and repaired again
    repaired(run_dir)
    assert replay(run_dir.journal).replaces == [first, second]
    assert len(replay(run_dir.journal).lost) == 2
    assert [path.name for path in quarantined(run_dir)] == [
        "run-aaaa.wandb.damaged",
        "run-aaaa.wandb.damaged-2",
    ]


def test_a_run_record_that_is_lost_is_made_up(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path, "aaaa", project="digits")
    sync_run(context(server), run_dir)
    first = identity(run_dir.journal)
    flip(run_dir, frame_of(run_dir, "run").start + 9)
    other = identity(run_dir.journal)
    repaired(run_dir)
    assert kind(payloads(run_dir.journal)[1]) == "run"
    said = replay(run_dir.journal)
    assert said.run is not None
    assert (said.run.run_id, said.run.entity, said.run.project) == ("aaaa", "ann", "digits")
    assert said.run.start_time == pytest.approx(1.79e9)  # of the first row
    assert said.runtime_since == 1_790_000_000_000  # so that rows after it may leave theirs out
    assert said.replaces == [other, first]  # as it is now, and as the receipt has it


@pytest.mark.parametrize(
    "time", [math.nan, math.inf, -math.inf, 1e300, -5, 10**400, "noon"], ids=lambda n: str(n)[:9]
)
@pytest.mark.parametrize("key", ["_timestamp", "_runtime"])
def test_a_time_that_no_clock_says_does_not_stop_a_repair(
    tmp_path: Path, key: str, time: Any
) -> None:
    """In the row by which a lost run record is dated."""
    text = json.dumps(time)
    run_dir, writer = start_run(tmp_path, "aaaa")
    other = "_runtime" if key == "_timestamp" else "_timestamp"
    writer.append(encode.history([([key], text), ([other], "5"), (["_step"], "0"), (["a"], "1")]))
    append_rows(writer, rows(3, first=1))
    writer.close()
    flip(run_dir, frame_of(run_dir, "run").start + 9)
    repaired(run_dir)
    said = replay(run_dir.journal)
    assert said.run is not None
    assert said.run.start_time == time_of_its_folder(run_dir)
    assert said.runtime_since == 0
    assert steps(run_dir.journal) == [0, 1, 2, 3]


def time_of_its_folder(run_dir: RunDir) -> float:
    return datetime.strptime(run_dir.started, "%Y%m%d_%H%M%S").timestamp()  # noqa: DTZ007


def test_the_label_of_one_of_several_writers_is_in_the_name_of_its_folder(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", project="digits")
    path = run_dir.path.rename(f"{run_dir.path}%rank_3")
    run_dir = RunDir(path / run_dir.journal.name)
    flip(run_dir, frame_of(run_dir, "run").start + 9)
    repaired(run_dir)
    said = replay(run_dir.journal)
    assert said.run is not None
    assert (said.run.run_id, said.run.label) == ("aaaa", "rank_3")


def test_a_lost_journal_comes_back_from_files(tmp_path: Path) -> None:
    files = {
        "config.yaml": b"lr:\n    value: 0.1\nodd:\n    value: !!set {a}\n",
        "wandb-summary.json": b'{"loss": NaN, "_step": 41}',
        "output.log": b"epoch 1\nepoch 2\n",
        "media/images/a.png": b"png",
    }
    run_dir = make_run(tmp_path, "aaaa", files=files)
    run_dir.journal.unlink()
    found = repaired(run_dir)
    said = replay(run_dir.journal)
    assert said.run is not None
    assert said.run.run_id == "aaaa"
    assert said.config == {"lr": 0.1}
    assert said.summary["_step"] == 41
    assert said.summary["loss"] != said.summary["loss"]
    assert set(said.files) == set(files)
    assert said.records["output_raw"] == 1
    assert found.original is None
    assert [line.split(":")[0] for line in found.recovered[:2]] == ["config", "console"]
    assert "1 of them media" in found.recovered[2]
    assert found.unread == ["config.yaml: the values of odd"]
    assert not repaired(run_dir).changed


@pytest.mark.parametrize("data", [b"", b":W&B\xe1\xbe\x00", b"\0" * 40000, b"PK\3\4 a zip" * 99])
def test_a_journal_without_any_frame(tmp_path: Path, data: bytes) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"wandb-summary.json": b'{"loss": 1}'})
    run_dir.journal.write_bytes(data)
    os.utime(run_dir.journal, (1.79e9, 1.79e9))
    found = repaired(run_dir)
    assert [one.end for one in found.lost] == [len(data)]
    assert replay(run_dir.journal).summary == {"loss": 1}
    assert quarantined(run_dir)[0].read_bytes() == data
    assert all(start < end for start, end in replay(run_dir.journal).lost)
    assert sync_run(context(MemoryServer()), run_dir).state == "confirmed"


def test_the_file_of_a_later_step_has_the_last_word(tmp_path: Path) -> None:
    """The rows behind the damage are lost, and with them what they made of the summary."""
    summary = b'{"loss": 0.25, "_step": 99, "extra": 1}'
    run_dir = make_run(tmp_path, "aaaa", count=30, files={"wandb-summary.json": summary})
    flip(run_dir, frame_of(run_dir, "history", 29).start + 9)
    repaired(run_dir)
    said = replay(run_dir.journal)
    assert (said.summary["loss"], said.summary["_step"], said.summary["extra"]) == (0.25, 99, 1)
    assert [kind(p) for p in payloads(run_dir.journal)][-2:] == ["summary", "exit"]


def test_the_file_of_an_earlier_step_adds_only_what_is_missing(tmp_path: Path) -> None:
    summary = b'{"loss": 77, "_step": 3, "extra": 1}'
    run_dir = make_run(tmp_path, "aaaa", count=30, files={"wandb-summary.json": summary})
    flip(run_dir, frame_of(run_dir, "history", 4).start + 9)
    repaired(run_dir)
    said = replay(run_dir.journal)
    assert (said.summary["loss"], said.summary["extra"]) == (1 / 30, 1)


def test_rows_behind_the_exit_record_come_before_it(tmp_path: Path) -> None:
    """Real `wandb sync` reads nothing behind `exit`, where wandb to 0.17 wrote its last row."""
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(5))
    writer.append(encode.exit_record(0, 1))
    append_rows(writer, rows(1, first=5))
    writer.close()
    flip(run_dir, frame_of(run_dir, "history", 2).start + 9)
    repaired(run_dir)
    assert kind(payloads(run_dir.journal)[-1]) == "exit"
    assert steps(run_dir.journal) == [0, 1, 3, 4, 5]


def test_a_run_that_is_alive_is_refused(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(3))
    before = run_dir.journal.read_bytes()
    found = repair_run(run_dir, Listener())
    assert isinstance(found.error, UnconfirmedError)
    assert "is alive" in str(found.error)
    writer.close()
    assert run_dir.journal.read_bytes() == before


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    flip(run_dir, frame_of(run_dir, "history").start + 9)
    before = looks(run_dir.path)
    found = repaired(run_dir, dry_run=True)
    assert (found.changed, len(found.lost), found.rows) == (True, 1, 9)
    assert looks(run_dir.path) == before


def test_the_markers_of_the_old_journal_go_with_it(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    sync_run(context(MemoryServer()), run_dir)
    flip(run_dir, frame_of(run_dir, "history").start + 9)
    found = repaired(run_dir)
    assert not run_dir.synced_marker.exists()
    assert read_receipt(run_dir) is None
    assert Path(f"{found.original}.receipt.json").exists()


@pytest.mark.parametrize("step", ["link", "replace", "unlink", "fsync"])
def test_a_crash_at_any_step_leaves_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    sync_run(context(MemoryServer()), run_dir)
    flip(run_dir, frame_of(run_dir, "history").start + 9)
    damaged = run_dir.journal.read_bytes()

    class Killed(BaseException):
        pass

    real = getattr(os, step)

    def killed(*args: Any, **options: Any) -> Any:
        left.pop()
        if not left:
            raise Killed
        return real(*args, **options)

    for stop_at in range(1, 12):
        left = [None] * stop_at
        with monkeypatch.context() as patched:
            patched.setattr(os, step, killed)
            try:
                repair_run(run_dir, Listener())
            except Killed:
                there = [run_dir.journal, *quarantined(run_dir)]
                assert damaged in [path.read_bytes() for path in there]
                assert gaps(run_dir.journal) == [] or run_dir.journal.read_bytes() == damaged
    assert not repaired(run_dir).changed
    assert [path.read_bytes() for path in quarantined(run_dir)] == [damaged]
    assert steps(run_dir.journal) == list(range(1, 10))


def test_a_filesystem_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    flip(run_dir, frame_of(run_dir, "history").start + 9)
    damaged = run_dir.journal.read_bytes()

    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", no_links)
    found = repaired(run_dir)
    assert found.original is not None
    assert found.original.read_bytes() == damaged


@pytest.mark.parametrize("room", [0, 40])
def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path: Path, room: int) -> None:
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    run_dir = make_run(tmp_path, "aaaa")
    flip(run_dir, frame_of(run_dir, "history").start + 9)
    damaged = run_dir.journal.read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))  # no file may become longer
    try:
        found = repair_run(run_dir, Listener())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert isinstance(found.error, StorageError)
    assert "File too large" in str(found.error)
    assert run_dir.journal.read_bytes() == damaged
    assert {path.name for path in run_dir.path.iterdir()} == {
        *("run-aaaa.wandb", "files", "logs", "tmp")
    }


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_the_rest_is_kept(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Flipped, zeroed and cut at random: what the reader finds is what the clean journal has."""
    run_dir = make_run(tmp_path_factory.mktemp("run"), "aaaa", count=600)
    content = bytearray(run_dir.journal.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.sampled_from([1, 16, 5000]))
        change = data.draw(st.sampled_from(["flip", "zero", "cut"]))
        if change == "cut":
            del content[place + 1 :]
        else:
            mask = 0xFF if change == "flip" else 0
            content[place : place + length] = bytes(
                byte ^ mask if mask else 0 for byte in content[place : place + length]
            )
    run_dir.journal.write_bytes(content)
    os.utime(run_dir.journal, (1.79e9, 1.79e9))  # without its header only its age tells
    kept = steps(run_dir.journal)
    found = repaired(run_dir)
    assert steps(run_dir.journal) == kept
    assert gaps(run_dir.journal) == []
    assert verify_run(run_dir, Listener()).errors == []
    assert not repaired(run_dir).changed
    if found.original is not None:
        assert found.original.read_bytes() == content
