"""One run, brought over and proven."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sync.making import append_rows, context, held, make_run, rows, run_info, start_run
from sync.memory_server import MemoryServer, refused

from holdfast.errors import (
    DamagedError,
    HoldfastError,
    RefusedError,
    StorageError,
    UnconfirmedError,
    UnreachableError,
    UsageError,
)
from holdfast.ids import RunPath
from holdfast.journal import HEADER, Writer
from holdfast.records import encode
from holdfast.rundir import RunDir, read_receipt
from holdfast.sync import one as one_module
from holdfast.sync import survey as survey_module
from holdfast.sync.context import Context, Wishes
from holdfast.sync.one import sync_run
from holdfast.sync.receipts import is_pending
from holdfast.wire import digest_of


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


def test_a_finished_run(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=25)
    outcome = sync_run(context(server), run_dir)
    assert outcome.error is None
    assert (outcome.state, outcome.run, outcome.rows) == ("confirmed", "ann/digits/aaaa", 25)
    assert outcome.url == "http://memory/ann/digits/aaaa"
    assert outcome.records == {"header": 1, "run": 1, "history": 25, "exit": 1}
    assert held(server, run_dir)
    assert run_dir.synced_marker.exists()
    receipt = read_receipt(run_dir)
    assert receipt is not None
    assert receipt["receipt"]["rows"] == 25
    assert not is_pending(run_dir, "http://memory", Wishes())
    assert is_pending(run_dir, "http://elsewhere", Wishes())


def test_a_small_run_takes_three_requests(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"own.txt": b"own", "sub/same.txt": b"same"})
    some = context(server)
    server.calls.clear()
    sync_run(some, run_dir)
    assert server.calls == {"chunk": 1, "files": 1, "receipt": 1}
    assert held(server, run_dir)
    server.calls.clear()
    sync_run(some, run_dir)
    assert server.calls == {"position": 1, "files": 1, "receipt": 1}


def test_what_the_server_holds_is_not_sent_again(server: MemoryServer, tmp_path: Path) -> None:
    first = make_run(tmp_path, "aaaa", number=1, files={"requirements.txt": b"x" * 1000})
    second = make_run(tmp_path, "bbbb", number=2, files={"requirements.txt": b"x" * 1000})
    some = context(server)
    assert sync_run(some, first).sent == first.journal.stat().st_size + 1000
    assert sync_run(some, second).sent == second.journal.stat().st_size
    assert sync_run(context(server), first).sent == 0, "its receipt tells another process"
    server.blobs.clear()
    assert sync_run(context(server), first).state == "confirmed"
    assert held(server, first)


def test_nothing_but_markers_is_written(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    before = {p: p.read_bytes() for p in run_dir.path.rglob("*") if p.is_file()}
    sync_run(context(server), run_dir)
    after = {p: p.read_bytes() for p in run_dir.path.rglob("*") if p.is_file()}
    new = {p for p in after if p not in before}
    assert new == {run_dir.receipt, run_dir.synced_marker}
    assert all(after[p] == data for p, data in before.items())


def test_a_receipt_that_cannot_be_kept(server: MemoryServer, tmp_path: Path) -> None:
    """The proof stands: it is said, and the run is only looked at again next time."""
    run_dir = make_run(tmp_path, "aaaa")
    run_dir.receipt.mkdir()
    outcome = sync_run(context(server), run_dir)
    assert outcome.state == "confirmed"
    assert "could not be kept" in outcome.notes[0]
    assert is_pending(run_dir, "http://memory", Wishes())


def test_wishes_change_the_address(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", entity="team")
    assert sync_run(context(server), run_dir).run == "team/digits/aaaa"
    some = context(server, entity="other", project="p", run_id="r")
    assert sync_run(some, run_dir).run == "other/p/r"
    assert is_pending(run_dir, "http://memory", Wishes(project="q"))
    assert not is_pending(run_dir, "http://memory", Wishes(project="p"))
    bad = sync_run(context(server, project="a/b"), run_dir)
    assert isinstance(bad.error, UsageError)
    assert "--project" in str(bad.error)


def test_no_verify_asks_for_no_receipt(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    assert sync_run(context(server, verify=False), run_dir).state == "sent"
    assert server.calls["receipt"] == 0
    assert not run_dir.synced_marker.exists()
    assert held(server, run_dir)


def test_many_chunks(server: MemoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "_MARK_BYTES", 1000)
    small = MemoryServer(chunk_bytes=5000)
    run_dir = make_run(tmp_path, "aaaa", count=2000)
    outcome = sync_run(context(small), run_dir)
    assert outcome.state == "confirmed"
    size = run_dir.journal.stat().st_size
    assert size / 5000 <= small.calls["chunk"] <= size / 3500
    assert held(small, run_dir)


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of some 100 kB is surveyed and sent in many slices."""
    monkeypatch.setattr(survey_module, "_MARK_BYTES", 1000)
    monkeypatch.setattr(one_module, "_FIRST_BYTES", 3000)
    monkeypatch.setattr(one_module, "SLICE_BYTES", 9000)


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("already", [0, 7, 900, 2000])
def test_sent_while_it_is_surveyed(tmp_path: Path, already: int) -> None:
    server = MemoryServer(chunk_bytes=4000)
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(already))
    assert sync_run(context(server), run_dir).error is None
    run_dir.receipt.unlink()
    append_rows(writer, rows(2000 - already, first=already))
    writer.close()
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.rows) == ("confirmed", 2000)
    assert held(server, run_dir)


@pytest.mark.usefixtures("slices")
def test_an_error_while_it_is_surveyed(tmp_path: Path) -> None:
    server = MemoryServer(chunk_bytes=4000)
    run_dir = make_run(tmp_path, "aaaa", count=2000)

    def fail(method: str, when: str) -> None:
        if method == "chunk" and server.calls["chunk"] == 5:
            raise UnreachableError("the server is away", "wait")

    server.fail = fail
    assert isinstance(sync_run(context(server), run_dir).error, UnreachableError)
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert held(server, run_dir)


@pytest.mark.usefixtures("slices")
def test_an_older_copy_that_is_long(tmp_path: Path) -> None:
    server = MemoryServer(chunk_bytes=4000)
    run_dir = make_run(tmp_path, "aaaa", count=2000)
    sync_run(context(server), run_dir)
    run_dir.receipt.unlink()
    os.truncate(run_dir.journal, 70_000)
    assert "older copy" in str(sync_run(context(server), run_dir).error)


@pytest.mark.usefixtures("slices")
def test_a_run_record_that_comes_late(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=1)
    run_dir.journal.unlink()
    writer = Writer(run_dir.journal, fsync="never")
    append_rows(writer, rows(1000))
    writer.append(encode.run(run_info("aaaa")))
    writer.append(encode.exit_record(0, 1))
    writer.close()
    os.utime(run_dir.journal, (1, 1))
    server = MemoryServer()
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.run) == ("confirmed", "ann/digits/aaaa")
    assert held(server, run_dir)


def test_a_record_longer_than_a_chunk(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(3))
    writer.append(encode.output("stdout", "x" * 6_000_000, 1.79e9))
    append_rows(writer, rows(3, first=3))
    writer.append(encode.exit_record(0, 1))
    writer.close()
    server = MemoryServer()
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert held(server, run_dir)
    outcome = sync_run(context(MemoryServer(chunk_bytes=5 << 20)), run_dir)
    assert "longer than the server takes" in str(outcome.error)


@pytest.mark.parametrize("already", [0, 3, 9])
def test_the_servers_position_is_the_truth(tmp_path: Path, already: int) -> None:
    """A server that already holds a part gets the rest; one that lost some gets it again."""
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(already))
    assert sync_run(context(server), run_dir).state == "running"
    append_rows(writer, rows(10, first=already))
    writer.append(encode.exit_record(0, 1))
    writer.close()
    run_dir.receipt.unlink()  # the hint may go at any time
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.rows) == ("confirmed", already + 10)
    assert held(server, run_dir)
    server.journals.clear()
    server.files.clear()
    server.blobs.clear()
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert held(server, run_dir)


def test_a_server_with_more_than_the_disk(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=10)
    sync_run(context(server), run_dir)
    data = run_dir.journal.read_bytes()
    run_dir.journal.write_bytes(data[: len(data) // 2])
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, UnconfirmedError)
    assert "older copy" in str(outcome.error)


@pytest.mark.parametrize("what", ["byte", "row", "file", "extra"])
def test_a_receipt_that_is_not_the_disk(server: MemoryServer, tmp_path: Path, what: str) -> None:
    """A server that answers something else than what lies on disk is not believed."""
    run_dir = make_run(tmp_path, "aaaa")
    honest = server.receipt

    def lying(journal: Any, claim: Any) -> Any:
        receipt = honest(journal, claim)
        change: dict[str, Any] = {
            "byte": {"digest": digest_of(b"other")},
            "row": {"records": {**receipt.records, "history": 9}},
            "file": {"files": ()},
            "extra": {"records": {**receipt.records, "alert": 1}},
        }[what]
        return type(receipt)(**{**receipt.__dict__, **change})

    server.receipt = lying  # type: ignore[method-assign]
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, UnconfirmedError)
    assert outcome.state == "failed"
    assert not run_dir.synced_marker.exists()
    assert not run_dir.receipt.exists()


@pytest.mark.parametrize(
    ("content", "phrase"),
    [(b"", "empty"), (b"hello, this is text\n" * 50, "no W&B journal"), (bytes(70_000), "damaged")],
)
def test_no_journal_at_all(
    server: MemoryServer, tmp_path: Path, content: bytes, phrase: str
) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    run_dir.journal.write_bytes(content)
    os.utime(run_dir.journal, (1, 1))
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, DamagedError)
    assert phrase in str(outcome.error)
    assert str(run_dir.journal) in str(outcome.error)


def test_nothing_yet(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    run_dir.journal.write_bytes(HEADER)
    assert sync_run(context(server), run_dir).state == "empty"
    assert server.journals == {}


def test_missing_journal(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    run_dir.journal.unlink()
    assert isinstance(sync_run(context(server), run_dir).error, StorageError)


def test_torn_tail_and_damage(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=3000, finished=False)
    data = bytearray(run_dir.journal.read_bytes())
    data[70_000:70_010] = bytes(10)
    run_dir.journal.write_bytes(data[:-5])
    outcome = sync_run(context(server), run_dir)
    assert outcome.state == "confirmed"
    assert len(outcome.gaps) == 1
    assert 2900 < outcome.rows < 3000
    assert held(server, run_dir)


def test_a_run_record_that_is_damaged(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", count=100)
    data = bytearray(run_dir.journal.read_bytes())
    at = data.index(b"digits")
    data[at] ^= 1
    run_dir.journal.write_bytes(data)
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.run) == ("confirmed", "ann/uncategorized/aaaa")
    assert outcome.rows == 100
    assert "run record" in outcome.notes[0]


def test_a_live_run(server: MemoryServer, tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(5))
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.rows) == ("running", 5)
    assert list(server.writers.values()) == ["alive"]
    assert not run_dir.synced_marker.exists()
    assert not is_pending(run_dir, "http://memory", Wishes())
    writer.close()
    assert is_pending(run_dir, "http://memory", Wishes())  # the server has to hear of its end
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert list(server.writers.values()) == ["gone"]
    assert run_dir.synced_marker.exists()


def test_a_live_run_without_its_run_record(server: MemoryServer, tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    data = run_dir.journal.read_bytes()
    with run_dir.journal.open("r+b") as file:
        file.truncate(data.index(b"digits") - 20)
    assert sync_run(context(server), run_dir).state == "empty"
    writer.close()


# Every step may fail, before or after the server acted: the next sync puts it right.


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["chunk", "files", "state", "part", "receipt"])
def test_any_step_may_fail(tmp_path: Path, method: str, when: str) -> None:
    server = MemoryServer(part_bytes=500_000)
    run_dir = make_run(tmp_path, "aaaa", files={"small": b"1", "big": os.urandom(600_000)})
    broken = []

    def fail(called: str, moment: str) -> None:
        if (called, moment) == (method, when) and not broken:
            broken.append(1)
            raise UnreachableError("no answer", "try again")

    server.fail = fail
    some = context(server)
    first = sync_run(some, run_dir)
    assert isinstance(first.error, UnreachableError)
    assert not run_dir.synced_marker.exists()
    second = sync_run(some, run_dir)
    assert second.state == "confirmed"
    assert held(server, run_dir)
    assert server.journals[next(iter(server.journals))] == run_dir.journal.read_bytes()
    assert RunPath("ann", "digits", "aaaa") == next(iter(server.journals)).run


def test_a_defect_is_told_not_raised(server: MemoryServer, tmp_path: Path) -> None:
    def fail(method: str, when: str) -> None:
        if method == "chunk":
            raise ZeroDivisionError("boo")

    some = context(server)
    server.fail = fail
    outcome = sync_run(some, make_run(tmp_path, "aaaa"))
    assert isinstance(outcome.error, HoldfastError)
    assert "ZeroDivisionError" in outcome.trace
    assert refused("x", 1).code == "x"


@pytest.mark.parametrize("how", ["moved", "replaced"])
def test_a_folder_that_goes_away_meanwhile_is_not_confirmed(
    server: MemoryServer, tmp_path: Path, how: str
) -> None:
    """Its files are looked for after its journal was sent: there are none at its place."""
    run_dir = make_run(tmp_path, "aaaa", files={"a.txt": b"a", "b.txt": b"b"})

    def fail(method: str, when: str) -> None:
        if (method, when) == ("chunk", "after"):
            if how == "moved":
                run_dir.path.rename(tmp_path / "elsewhere")
            else:
                copy = run_dir.journal.with_name("copy")
                copy.write_bytes(run_dir.journal.read_bytes())
                copy.replace(run_dir.journal)

    server.fail = fail
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, UnconfirmedError)
    assert "moved or replaced while it was sent" in str(outcome.error)
    server.fail = lambda method, when: None
    now = next(tmp_path.rglob("*.wandb"))
    assert sync_run(context(server), RunDir(now)).state == "confirmed"
    assert held(server, RunDir(now))


def test_another_sender_that_is_always_faster(
    server: MemoryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chunk is refused, since it has just arrived from there: that is no reason to give up."""
    monkeypatch.setattr(survey_module, "_MARK_BYTES", 1000)
    run_dir = make_run(tmp_path, "aaaa", count=1000)
    some = context(server)
    slow = Context(server, some.base_url, replace(some.viewer, chunk_bytes=2500), some.report)
    honest = server.send_chunk

    def overtaken(journal: Any, start: int, data: bytes, writer: str) -> Any:
        with contextlib.suppress(RefusedError):
            honest(journal, start, data, writer)
        return honest(journal, start, data, writer)

    server.send_chunk = overtaken  # type: ignore[method-assign]
    assert sync_run(slow, run_dir).state == "confirmed"
    assert server.calls["chunk"] > 20
    assert held(server, run_dir)


def test_a_folder_that_goes_away_while_lost_files_are_sent_again(
    server: MemoryServer, tmp_path: Path
) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"a.txt": b"a"})

    def fail(method: str, when: str) -> None:
        if (method, when) == ("receipt", "before") and server.calls["receipt"] == 1:
            server.journals.clear()  # set back to before all of it
            server.files.clear()
            server.blobs.clear()
            run_dir.path.rename(tmp_path / "elsewhere")

    server.fail = fail
    outcome = sync_run(context(server), run_dir)
    assert "moved or replaced while it was sent" in str(outcome.error)
