"""A run that grows, followed to its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sync.making import Listener, append_rows, context, make_run, rows, run_info, start_run
from sync.memory_server import MemoryServer
from waiting import until

from holdfast.errors import UnreachableError
from holdfast.journal import frames
from holdfast.journal.framing import chunks as frame
from holdfast.records import encode
from holdfast.rundir import RunDir, hold
from holdfast.sync import followed, watch
from holdfast.sync import survey as survey_module
from holdfast.sync.context import Wishes
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.sync.retry import StoppedError
from holdfast.sync.watch import Listed, Terms, Watcher


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(followed, "_ENDED_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(followed, "_ASK_SECONDS", 0.02)
    monkeypatch.setattr(followed, "_FILES_SECONDS", 0.05)
    monkeypatch.setattr(followed, "_WORD_SECONDS", 0.1)
    monkeypatch.setattr(followed, "_AFTER_EXIT_SECONDS", 0.2)
    monkeypatch.setattr(watch, "_TICK_SECONDS", 0.01)


class Following:
    """A `Watcher` of one run in a thread."""

    def __init__(self, server: MemoryServer, run_dir: RunDir, *, verify: bool = True) -> None:
        self.listener = Listener()
        self.stopped = False
        self._outcome: list[Outcome] = []
        terms = Terms(
            server,
            "http://memory",
            self.listener,
            self._outcome.append,
            wishes=lambda _: Wishes(verify=verify),
        )
        self._watcher = Watcher([Listed([run_dir])], terms)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._watcher.run()
        except StoppedError:
            self.stopped = True

    def end(self) -> Outcome:
        self._thread.join(10)
        assert self._outcome, "still following"
        return self._outcome[0]

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._watcher.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def following() -> Iterator[Callable[..., Following]]:
    started: list[Following] = []

    def start(server: MemoryServer, run_dir: RunDir, *, verify: bool = True) -> Following:
        started.append(Following(server, run_dir, verify=verify))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def held(server: MemoryServer) -> bytes:
    return next(iter(server.journals.values()), b"")


Start = Callable[..., Following]


def test_to_the_exit(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    follower = following(server, run_dir)
    for i in range(5):
        append_rows(writer, rows(3, first=3 * i))
        until(lambda: held(server) == run_dir.journal.read_bytes())
    assert set(server.writers.values()) == {"alive"}
    (run_dir.files / "output.log").write_text("hello")
    until(lambda: bool(server.blobs))
    assert follower.running
    writer.append(encode.exit_record(0, 9))
    writer.close()
    outcome = follower.end()
    assert (outcome.state, outcome.rows, outcome.files) == ("confirmed", 15, 1)
    assert held(server) == run_dir.journal.read_bytes()
    assert run_dir.synced_marker.exists()


def test_records_behind_the_exit_are_shipped(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    follower = following(server, run_dir)
    writer.append(encode.exit_record(0, 9))
    until(lambda: held(server) == run_dir.journal.read_bytes())
    append_rows(writer, rows(1))
    writer.append(encode.summary({"loss": 1}))
    outcome = follower.end()  # the writer never lets go: some seconds after the exit are enough
    assert (outcome.state, outcome.rows) == ("confirmed", 1)
    assert held(server) == run_dir.journal.read_bytes()
    writer.close()


def test_a_killed_writer(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    append_rows(writer, rows(4))
    follower = following(server, run_dir)
    until(lambda: held(server) == run_dir.journal.read_bytes())
    writer.abandon()
    outcome = follower.end()
    assert (outcome.state, outcome.rows) == ("confirmed", 4)
    assert set(server.writers.values()) == {"gone"}


@pytest.mark.parametrize("verify", [True, False])
def test_the_end_is_told_when_nothing_is_left_to_send(
    tmp_path: Path, following: Start, verify: bool
) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    follower = following(server, run_dir, verify=verify)
    until(lambda: held(server) == run_dir.journal.read_bytes())
    writer.close()
    follower.end()
    assert set(server.writers.values()) == {"gone"}


def test_an_idle_run_stays_alive_at_the_server(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    following(server, run_dir)
    until(lambda: server.calls["chunk"] >= 4)
    assert held(server) == run_dir.journal.read_bytes()
    writer.close()


def test_a_server_that_goes_and_comes(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    follower = following(server, run_dir)
    until(lambda: held(server) == run_dir.journal.read_bytes())

    def away(method: str, when: str) -> None:
        raise UnreachableError("the server is away", "wait")

    server.fail = away
    append_rows(writer, rows(7))
    writer.append(encode.exit_record(0, 9))
    writer.close()
    until(lambda: any("the server is away" in line for line in follower.listener.lines))
    assert follower.running
    server.fail = lambda method, when: None
    outcome = follower.end()
    assert (outcome.state, outcome.rows) == ("confirmed", 7)


def test_nothing_was_ever_written(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    with run_dir.journal.open("r+b") as file:
        file.truncate(7)
    follower = following(server, run_dir)
    time.sleep(0.1)
    assert follower.running
    writer.abandon()
    os.utime(run_dir.journal, (1, 1))  # no host in seven bytes: silence tells that nobody writes
    assert follower.end().state == "empty"


def test_two_that_follow_one_run(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    some = [following(server, run_dir) for _ in range(2)]
    for i in range(20):
        append_rows(writer, rows(5, first=5 * i))
        time.sleep(0.005)
    writer.append(encode.exit_record(0, 9))
    writer.close()
    assert [one.end().state for one in some] == ["confirmed", "confirmed"]
    assert held(server) == run_dir.journal.read_bytes()


def test_stop(tmp_path: Path, following: Start) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    follower = following(MemoryServer(), run_dir)
    follower.stop()
    assert follower.stopped
    writer.close()


# A hole in a growing file (network filesystems show them) is waited for.


def _with_hole(run_dir: RunDir) -> bytes:
    """Write two more records, the first as a hole; returns the hole's real bytes."""
    size = run_dir.journal.stat().st_size
    hole = frame(encode.output("stdout", "x" * 50, 1.0), size)
    after = frame(encode.exit_record(0, 1), size + len(hole))
    with run_dir.journal.open("r+b") as file:
        file.seek(size)
        file.write(bytes(len(hole)) + after)
    return hole


def test_a_hole_that_fills(tmp_path: Path, following: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    size = run_dir.journal.stat().st_size
    hole = _with_hole(run_dir)
    follower = following(server, run_dir)
    until(lambda: len(held(server)) == size)
    time.sleep(0.1)
    assert len(held(server)) == size
    with run_dir.journal.open("r+b") as file:
        file.seek(size)
        file.write(hole)
    until(lambda: held(server) == run_dir.journal.read_bytes())
    writer.close()
    outcome = follower.end()
    assert (outcome.state, outcome.gaps) == ("confirmed", ())
    assert outcome.records["output_raw"] == 1


@pytest.mark.parametrize("follow", [True, False])
def test_a_hole_that_stays(
    tmp_path: Path, following: Start, monkeypatch: pytest.MonkeyPatch, follow: bool
) -> None:
    monkeypatch.setattr(survey_module, "_SETTLE_SECONDS", 0.3)
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aaaa")
    _with_hole(run_dir)
    started = time.monotonic()
    following_it = follow and following(server, run_dir)
    outcome = following_it.end() if following_it else sync_run(context(server), run_dir)
    assert time.monotonic() - started > 0.3
    assert (outcome.state, len(outcome.gaps)) == ("confirmed", 1)
    assert held(server) == run_dir.journal.read_bytes()
    writer.close()


def test_a_writer_that_cannot_be_asked_and_whose_clock_is_ahead(
    tmp_path: Path, following: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the folder's times its last word comes in some years: silence is measured here."""
    monkeypatch.setattr(followed, "_SILENT_SECONDS", 0.2)
    run_dir = make_run(tmp_path, "aaaa")
    said = [encode.header("test", host="elsewhere", pid=1), encode.run(run_info("aaaa"))]
    run_dir.journal.write_bytes(frames(said, 0))
    os.utime(run_dir.journal, (3e9, 3e9))
    outcome = following(MemoryServer(), run_dir).end()
    assert (outcome.state, outcome.rows) == ("running", 0)


def test_a_folder_that_is_copied_again_and_again(tmp_path: Path, following: Start) -> None:
    """As `rsync` does: each time another file comes to the journal's place."""
    server = MemoryServer()
    (tmp_path / "there").mkdir()
    source, writer = start_run(tmp_path / "there", "aaaa")
    here = RunDir(tmp_path / "here" / source.path.name / source.journal.name)
    here.path.mkdir(parents=True)

    def copy() -> None:
        fresh = here.journal.with_name("fresh")
        fresh.write_bytes(source.journal.read_bytes())
        fresh.replace(here.journal)

    copy()
    lock = here.journal.open("rb")
    hold(lock.fileno())
    follower = following(server, here)
    until(lambda: bool(held(server)))
    for n in range(3):
        append_rows(writer, rows(3, first=3 * n))
        copy()
        with here.journal.open("rb") as next_lock:
            hold(next_lock.fileno())
            until(lambda: held(server) == source.journal.read_bytes())
            if n == 2:
                writer.append(encode.exit_record(0, 1))
                copy()
    lock.close()
    writer.close()
    assert follower.end().state == "confirmed"
    assert held(server) == source.journal.read_bytes()
