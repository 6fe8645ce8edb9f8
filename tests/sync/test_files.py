"""The files of a run, brought over: all sizes, odd things, and files that change meanwhile."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from sync.making import context, held, make_run
from sync.memory_server import MemoryServer

from holdfast.errors import UnconfirmedError, UnreachableError
from holdfast.sync.context import Wishes
from holdfast.sync.one import sync_run
from holdfast.sync.receipts import is_pending


@pytest.fixture
def server() -> MemoryServer:
    return MemoryServer()


def test_files_of_all_sizes(tmp_path: Path) -> None:
    server = MemoryServer(part_bytes=300_000)
    big = os.urandom(1_000_000)
    files = {
        "empty": b"",
        "copy": big,
        "big.bin": big,
        "edge": os.urandom(256 << 10),
        **{f"media/{i}.txt": b"%d" % i * 1000 for i in range(50)},
        "ünïcode/ñ ame": b"x",
        "back\\slash": b"y",
    }
    run_dir = make_run(tmp_path, "aaaa", files=files)
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.files) == ("confirmed", len(files))
    assert held(server, run_dir)
    assert server.calls["part"] <= 5
    server.calls.clear()
    assert sync_run(context(server), run_dir).sent == 0
    assert not server.calls["part"]


def test_more_names_than_fit_in_one_request(tmp_path: Path) -> None:
    server = MemoryServer(part_bytes=100_000)
    files = {f"media/{i}{'ü' * 50}.txt": b"%d" % (i % 700) for i in range(1000)}
    run_dir = make_run(tmp_path, "aaaa", files=files)
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert held(server, run_dir)
    assert 4 < server.calls["files"] < 40


def test_an_upload_goes_on_where_it_stopped(tmp_path: Path) -> None:
    server = MemoryServer(part_bytes=100_000)
    run_dir = make_run(tmp_path, "aaaa", files={"big": os.urandom(1_000_000)})

    def fail(method: str, when: str) -> None:
        if method == "part" and when == "after" and server.calls["part"] % 4 == 0:
            raise UnreachableError("gone", "try")

    server.fail = fail
    states = [sync_run(context(server), run_dir).state for _ in range(3)]
    assert states == ["failed", "failed", "confirmed"]
    assert server.calls["part"] == 10
    assert held(server, run_dir)


def test_odd_things_in_files(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"a": b"1"})
    saved = tmp_path / "elsewhere.bin"
    saved.write_bytes(b"saved by the user")
    (run_dir.files / "saved").symlink_to(saved)
    (run_dir.files / "dangling").symlink_to(tmp_path / "none")
    (run_dir.files / "loop").symlink_to(run_dir.files / "loop")
    (run_dir.files / "folder").symlink_to(tmp_path)
    os.mkfifo(run_dir.files / "fifo")
    with socket.socket(socket.AF_UNIX) as unix:
        os.chdir(run_dir.files)
        unix.bind("socket")
    some = context(server)
    outcome = sync_run(some, run_dir)
    assert (outcome.state, outcome.files) == ("confirmed", 2)
    (journal,) = server.files
    assert sorted(server.files[journal]) == ["a", "saved"]
    notes = "\n".join(outcome.notes)
    for name in ("dangling", "loop", "folder", "fifo", "socket"):
        assert name in notes


def test_a_name_that_is_no_unicode(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"a": b"1"})
    with open(os.fsencode(run_dir.files) + b"/\xff", "wb"):
        pass
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, UnconfirmedError)
    assert "Unicode" in str(outcome.error)
    assert not run_dir.synced_marker.exists()
    assert is_pending(run_dir, "http://memory", Wishes())
    (journal,) = server.files
    assert list(server.files[journal]) == ["a"]


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_a_file_that_changes_while_it_is_sent(tmp_path: Path, size: int) -> None:
    server = MemoryServer(part_bytes=300_000)
    run_dir = make_run(tmp_path, "aaaa", files={"log": b"a" * size, "other": b"x"})
    moments = iter([b"b" * size, b"c" * (size + 5)])

    def fail(method: str, when: str) -> None:
        if method == "files" and when == "after" and (data := next(moments, None)):
            (run_dir.files / "log").write_bytes(data)

    server.fail = fail
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert held(server, run_dir)


def test_a_file_that_never_stands_still(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"log": b"x" * 100_000})

    def fail(method: str, when: str) -> None:
        with (run_dir.files / "log").open("ab") as file:
            file.write(b"x")

    server.fail = fail
    outcome = sync_run(context(server), run_dir)
    assert isinstance(outcome.error, UnconfirmedError)
    assert "change while" in str(outcome.error)


def test_a_file_that_was_removed_since_stays_there(server: MemoryServer, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", files={"a": b"1", "b": b"2"})
    sync_run(context(server), run_dir)
    (run_dir.files / "a").unlink()
    assert is_pending(run_dir, "http://memory", Wishes())
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.files) == ("confirmed", 1)
    (run_dir.files / "b").unlink()
    assert sync_run(context(server), run_dir).state == "confirmed"
    assert sorted(next(iter(server.files.values()))) == ["a", "b"]
