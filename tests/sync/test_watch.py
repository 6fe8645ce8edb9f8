"""Many runs followed at once, into the server in memory."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sync.making import Listener, append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer, refused
from sync.watching import Start, confirmed, held
from waiting import until

from holdfast.errors import AuthError, UnreachableError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.sync import followed
from holdfast.sync.context import Wishes
from holdfast.sync.many import find
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.sync.standing import standing_of
from holdfast.sync.watch import Listed, Terms, Watcher
from holdfast.wire import digest_of

pytestmark = pytest.mark.usefixtures("quick_watch")


def test_runs_that_grow_and_runs_that_appear(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    old = make_run(tmp_path / "a" / "wandb", "old")
    grows, writer = start_run(tmp_path / "b" / "wandb", "grows")
    one = watching(server, tmp_path)
    until(lambda: held(server, old) and held(server, grows))
    append_rows(writer, rows(3))
    until(lambda: held(server, grows))
    new = make_run(tmp_path / "b" / "wandb", "new", number=7)
    elsewhere = make_run(tmp_path / "c" / "deep" / "wandb", "elsewhere")
    until(lambda: held(server, new) and held(server, elsewhere))
    until(lambda: sorted(one.states().values()) == ["confirmed"] * 3 + ["running"])
    writer.append(encode.exit_record(0, 3))
    writer.close()
    until(confirmed(one))
    assert held(server, grows)
    assert sorted(outcome.run_dir.run_id for outcome in one.told) == sorted(one.states())
    assert {outcome.state for outcome in one.told} == {"confirmed"}


def test_a_tree_that_is_not_there_yet(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    one = watching(server, tmp_path / "later")
    until(lambda: any("there is nothing" in line for line in one.listener.lines))
    run_dir = make_run(tmp_path / "later" / "wandb", "aaaa")
    until(lambda: held(server, run_dir))


def test_it_goes_on_where_it_was(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    runs = [make_run(tmp_path / "wandb", f"r{i}", number=i) for i in range(5)]
    first = watching(server, tmp_path)
    until(confirmed(first))
    first.stop()
    calls = dict(server.calls)
    second = watching(server, tmp_path)
    until(lambda: len(second.watcher.runs) == 5)
    time.sleep(0.2)  # time enough to send something, if it did
    assert set(second.states().values()) == {"confirmed"}
    asked = {"viewer", "lapsed"}  # what sends nothing
    assert {k: v for k, v in server.calls.items() if k not in asked} == {
        k: v for k, v in calls.items() if k not in asked
    }
    assert second.told == []
    assert all(held(server, run) for run in runs)


def test_a_run_that_goes_on_after_its_end(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path / "wandb", "aaaa")
    append_rows(writer, rows(2))
    writer.abandon()
    one = watching(server, tmp_path)
    until(confirmed(one))
    with run_dir.journal.open("ab") as file:
        file.write(b"torn")
    until(lambda: len(one.told) == 2)
    (run_dir.files / "late.txt").write_text("late")
    until(lambda: len(one.told) == 3)
    assert [path for files in server.files.values() for path in files] == ["late.txt"]
    assert {outcome.state for outcome in one.told} == {"confirmed"}


def test_a_folder_that_was_replaced(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path / "wandb", "aaaa")
    append_rows(writer, rows(50))
    watching(server, tmp_path)
    until(lambda: held(server, run_dir))
    append_rows(writer, rows(5, first=50))
    whole = run_dir.journal.read_bytes()
    copy = run_dir.journal.with_name("copy")
    copy.write_bytes(whole)
    os.replace(copy, run_dir.journal)
    until(lambda: held(server, run_dir))
    writer.close()


def test_a_folder_that_goes_and_comes(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    make_run(tmp_path / "wandb", "stays", number=1)
    run_dir = make_run(tmp_path / "wandb", "goes")
    one = watching(server, tmp_path)
    until(confirmed(one))
    shutil.move(run_dir.path, tmp_path.parent / f"{tmp_path.name}-away")
    until(lambda: list(one.states()) == ["stays"])
    shutil.move(tmp_path.parent / f"{tmp_path.name}-away", run_dir.path)
    until(lambda: len(one.states()) == 2)


def test_damaged_and_refused_runs_do_not_hold_up_others(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    damaged = make_run(tmp_path / "wandb", "damaged", number=1)
    damaged.journal.write_bytes(b"no journal at all" * 9)
    os.utime(damaged.journal, (1, 1))
    make_run(tmp_path / "wandb", "bad", number=2, project="not/legal")
    good = make_run(tmp_path / "wandb", "good", number=3)
    one = watching(server, tmp_path)
    until(lambda: one.states().get("good") == "confirmed")
    until(lambda: one.states() == {"good": "confirmed", "damaged": "failing", "bad": "failing"})
    assert held(server, good)
    troubles = {r.run_id: f.troubles for r, f in one.watcher.runs.items()}
    until(lambda: troubles["bad"]["journal"].failures > 2)
    failed = [o for o in one.told if o.state == "failed"]
    assert len(failed) == 2  # each once, however often it is tried
    assert one.running


def test_a_refusal_that_passes(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path / "wandb", "aaaa")
    stuck = True

    def fail(method: str, when: str) -> None:
        if method == "chunk" and stuck:
            raise refused("internal", 500)

    server.fail = fail
    one = watching(server, tmp_path)
    until(lambda: one.states() == {"aaaa": "failing"})
    stuck = False
    until(confirmed(one))
    assert held(server, run_dir)


def test_an_outage_is_asked_about_by_one(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    runs = [make_run(tmp_path / "wandb", f"r{i:02}", number=i) for i in range(30)]

    def away(method: str, when: str) -> None:
        raise UnreachableError("the server is away", "wait")

    server.fail = away
    one = watching(server, tmp_path)
    until(lambda: server.calls["viewer"] >= 5 and len(one.watcher.runs) == 30)
    assert set(server.calls) == {"viewer"}
    assert sum("the server is away" in line for line in one.listener.lines) == 1
    server.fail = lambda method, when: None
    until(confirmed(one))
    assert "the server answers again" in one.listener.lines
    assert all(held(server, run) for run in runs)
    # Away again while it works, for a key that was revoked: the same.
    server.fail = lambda method, when: (_ for _ in ()).throw(AuthError("no such key", "log in"))
    more = make_run(tmp_path / "wandb", "more", number=59)
    until(lambda: one.watcher.outage.error is not None)
    assert one.running
    server.fail = lambda method, when: None
    until(lambda: held(server, more))


def test_a_wrong_key_at_the_start_is_told_at_once(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    server.fail = lambda method, when: (_ for _ in ()).throw(AuthError("no such key", "log in"))
    one = watching(server, tmp_path)
    until(lambda: not one.running)
    assert isinstance(one.error, AuthError)


def test_files_wait_for_their_hours_and_metrics_do_not(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path / "wandb", "aaaa", files={"big.bin": b"x" * 1000})
    night = False
    one = watching(server, tmp_path, files=lambda: night)
    until(lambda: held(server, run_dir))
    until(lambda: set(server.writers.values()) == {"gone"})
    time.sleep(0.1)
    assert not server.calls["files"]
    night = True
    until(confirmed(one))
    assert len(server.blobs) == 1


def test_small_files_go_before_large_ones(
    tmp_path: Path, watching: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "LARGE_BYTES", 1000)
    server = MemoryServer()
    files = {"a/large.bin": b"x" * 5000, "media/small.png": b"y" * 10}
    make_run(tmp_path / "wandb", "aaaa", files=files)
    named: list[set[str]] = []
    inner = server.name_files

    def name_files(journal, entries, blobs):  # type: ignore[no-untyped-def]
        named.append({entry.path for entry in entries})
        return inner(journal, entries, blobs)

    monkeypatch.setattr(server, "name_files", name_files)
    one = watching(server, tmp_path)
    until(confirmed(one))
    assert named[0] == {"media/small.png"}
    assert {"a/large.bin", "media/small.png"} in named


def test_a_restored_server_gets_what_it_lost(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path / "wandb", "aaaa")
    append_rows(writer, rows(20))
    watching(server, tmp_path)
    until(lambda: held(server, run_dir))
    server.journals.clear()
    append_rows(writer, rows(1, first=20))
    until(lambda: held(server, run_dir))
    writer.close()


def test_what_comes_deep_in_a_confirmed_folder_is_sent(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    files = {"media/images/a.png": b"a"}
    runs = [make_run(tmp_path, f"r{n}", number=n, files=files) for n in range(3)]
    one = watching(server, tmp_path)
    until(lambda: len(one.told) == 3 and confirmed(one)())
    (runs[1].files / "media/images/b.png").write_bytes(b"b")
    until(lambda: sum("media/images/b.png" in some for some in server.files.values()) == 1)
    until(lambda: len(one.told) == 4 and confirmed(one)())
    assert find([tmp_path], "http://memory", Wishes()).pending == []


def test_a_restored_server_gets_back_what_nobody_touches_any_more(
    tmp_path: Path, watching: Start
) -> None:
    server = MemoryServer()
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(3)]
    one = watching(server, tmp_path)
    until(lambda: len(one.told) == 3 and confirmed(one)())
    with server.at_rest():
        lost = next(iter(server.journals))  # an older backup
        del server.journals[lost], server.claimed_at[lost]
    until(lambda: all(held(server, run) for run in runs) and len(one.told) == 4)
    one.stop()
    server.journals.clear()
    server.claimed_at.clear()
    watching(server, tmp_path)
    until(lambda: all(held(server, run) for run in runs))


def test_what_a_restored_server_lost_does_not_wait_for_the_next_look(
    tmp_path: Path, watching: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "_RESTING_LOOK_SECONDS", 3600)
    server = MemoryServer()
    runs = [make_run(tmp_path, f"r{n}", number=n) for n in range(3)]
    one = watching(server, tmp_path)
    until(lambda: len(one.told) == 3 and confirmed(one)())
    runs_there = list(one.watcher.runs.values())
    for times in (1, 2):
        until(lambda: min(run.next_look for run in runs_there) > time.monotonic() + 9)
        with server.at_rest():
            server.journals.clear()
            server.claimed_at.clear()
        until(lambda: len(one.told) == 3 + 3 * times)  # noqa: B023 - called here only
        assert all(held(server, run) for run in runs)


def test_a_deleted_run_that_was_let_in_again_is_found_confirmed(
    tmp_path: Path, watching: Start
) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path, "aa")
    one = watching(server, tmp_path)
    until(lambda: confirmed(one)())
    server.delete(RunPath("ann", "digits", "aa"))
    until(lambda: one.states() == {"aa": "deleted"})
    assert sync_run(context(server, again=True), run_dir).state == "confirmed"
    until(lambda: one.states() == {"aa": "confirmed"})
    assert [outcome.state for outcome in one.told] == ["confirmed", "deleted", "confirmed"]


def _failing_at_random(chance: random.Random) -> Callable[[str, str], None]:
    errors = [
        UnreachableError("reset", "try again"),
        refused("unavailable", 503),
        refused("internal", 500),
        refused("digest_mismatch", 422),
    ]

    def fail(method: str, when: str) -> None:
        if chance.random() < 0.3:
            # A clear no to the first question would end a watcher, as it should.
            raise errors[2] if method == "viewer" else chance.choice(errors)

    return fail


def test_a_run_that_somebody_deleted_is_told_once_and_left_alone(
    tmp_path: Path, watching: Start
) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aa")
    append_rows(writer, rows(5))
    other, other_writer = start_run(tmp_path, "bb", number=1)
    one = watching(server, tmp_path)
    until(lambda: held(server, run_dir) and held(server, other))
    server.delete(RunPath("ann", "digits", "aa"))
    append_rows(writer, rows(5, first=5))
    until(lambda: one.states()["aa"] == "deleted")
    (told,) = one.told
    assert (told.state, told.run_dir) == ("deleted", run_dir)
    standing = standing_of(one.watcher.runs[run_dir])
    assert (standing.pending, standing.next_try, "run_deleted" in standing.error) == (0, 0, True)
    append_rows(other_writer, rows(20))
    until(lambda: held(server, other))
    for first in (10, 20, 30):  # it is asked about when it grows, and nothing is said
        asked = server.calls.copy()
        append_rows(writer, rows(10, first=first))
        until(partial(lambda before: server.calls["position"] > before["position"], asked))
        until(lambda: one.watcher.runs[run_dir].resting)
    assert len(one.told) == 1
    assert not held(server, run_dir)
    assert sync_run(context(server, again=True), run_dir).state == "running"
    append_rows(writer, rows(5, first=40))
    until(lambda: held(server, run_dir) and one.states()["aa"] == "running")
    for last in (writer, other_writer):
        last.append(encode.exit_record(0, 1))
        last.close()
    until(confirmed(one))


def test_a_follower_of_a_deleted_run_ends(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aa")
    append_rows(writer, rows(5))
    told: list[Outcome] = []
    terms = Terms(server, "http://memory", Listener(), told.append)
    server.delete(RunPath("ann", "digits", "aa"))
    Watcher([Listed([run_dir])], terms).run()
    writer.close()
    assert [outcome.state for outcome in told] == ["deleted"]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_at_random_all_of_it_arrives_once(
    tmp_path: Path, watching: Start, seed: int
) -> None:
    server, chance = MemoryServer(), random.Random(seed)
    server.fail = _failing_at_random(chance)
    started = [start_run(tmp_path / f"t{i % 3}" / "wandb", f"r{i}", number=i) for i in range(8)]
    watchers = [watching(server, tmp_path) for _ in range(2)]
    for round_ in range(10):
        for i, (run_dir, writer) in enumerate(started):
            append_rows(writer, rows(chance.randrange(5), first=100 * round_))
            if chance.random() < 0.2:
                (run_dir.files / f"{round_}.txt").write_text(f"{i} {round_}")
        if round_ == 5:
            watchers[0].stop()
            watching(server, tmp_path / "t0", tmp_path / "t1")
        time.sleep(0.02)
    for _, writer in started:
        if chance.random() < 0.5:
            writer.append(encode.exit_record(0, 3))
        writer.abandon()
    server.fail = lambda method, when: None
    until(lambda: all(held(server, run_dir) for run_dir, _ in started))
    until(confirmed(watchers[1]))
    named = {
        journal.run.run_id: {entry.digest for entry in files.values()}
        for journal, files in server.files.items()
    }
    for run_dir, _ in started:
        digests = {digest_of(path.read_bytes()) for path in run_dir.files.glob("*.txt")}
        assert digests == named.get(run_dir.run_id, set())
    assert len(server.journals) == len(started)


def test_no_file_stays_open_and_few_threads_are_used(tmp_path: Path, watching: Start) -> None:
    server = MemoryServer()
    started = [start_run(tmp_path / "wandb", f"r{i:03}", number=i) for i in range(120)]
    before = set(threading.enumerate())
    one = watching(server, tmp_path)
    until(lambda: all(held(server, run_dir) for run_dir, _ in started))
    assert len(set(threading.enumerate()) - before) < 20
    mine = {writer.fileno() for _, writer in started}

    def open_journals() -> int:
        found = 0
        for fd in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                path = os.readlink(f"/proc/self/fd/{fd}")
                found += int(fd) not in mine and path.startswith(str(tmp_path))
        return found

    until(lambda: open_journals() == 0)
    assert one.running
    for _, writer in started:
        writer.close()
