"""The parts of following that need no threads: trees, outages, pace, hours, rhythm, notes."""

from __future__ import annotations

import json
import os
import queue
import random
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer, refused

from holdfast.errors import (
    AuthError,
    DamagedError,
    HoldfastError,
    RefusedError,
    UnreachableError,
    UsageError,
)
from holdfast.rundir import discover
from holdfast.sync.crew import Crew, Lane
from holdfast.sync.followed import Followed, Shipped
from holdfast.sync.hours import Hours
from holdfast.sync.outage import Outage, is_of_server
from holdfast.sync.pace import Pace
from holdfast.sync.standing import RunStanding, Standing, read_notes
from holdfast.sync.survey import ReplacedError, Survey
from holdfast.sync.trees import Tree


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


# Trees.


def ids(tree: Tree) -> list[str]:
    return sorted(run.run_id for run in tree.find())


def test_a_tree_finds_what_discover_finds_and_each_run_once(tmp_path: Path) -> None:
    make_run(tmp_path / "a" / "wandb", "one")
    make_run(tmp_path / "b" / "c" / "wandb", "two")
    (tmp_path / "node_modules" / "x").mkdir(parents=True)
    (tmp_path / "node_modules" / "x" / "run-no.wandb").touch()
    clock = Clock()
    tree = Tree(tmp_path, clock=clock)
    assert ids(tree) == sorted(run.run_id for run in discover(tmp_path)) == ["one", "two"]
    clock.now += 100
    assert ids(tree) == []


def test_a_folder_that_stands_still_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "wandb", "one")
    clock = Clock()
    tree = Tree(tmp_path, clock=clock)
    for _ in range(3):  # each folder is read once more after a change
        list(tree.find())
        clock.now += 40
    read: list[str] = []
    inner = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (read.append(str(path)), inner(path))[1])
    assert ids(tree) == []
    assert read == []
    clock.now += 40
    new = make_run(tmp_path / "wandb", "two", number=2)
    assert ids(tree) == ["two"]
    assert set(read) <= {str(tmp_path / "wandb"), str(new.path)}


def test_a_run_beside_another_is_found_in_seconds(tmp_path: Path) -> None:
    make_run(tmp_path / "wandb", "one")
    clock = Clock()
    tree = Tree(tmp_path, clock=clock)
    for _ in range(3):
        list(tree.find())
        clock.now += 40
    make_run(tmp_path / "wandb", "two", number=2)
    list(tree.find())
    make_run(tmp_path / "wandb", "three", number=3)
    clock.now += 2.1
    assert ids(tree) == ["three"]


def test_a_forgotten_run_is_found_again_and_a_journal_is_a_tree(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "wandb", "one")
    clock = Clock()
    for tree in (Tree(tmp_path, clock=clock), Tree(run_dir.journal, clock=clock)):
        assert ids(tree) == ["one"]
        assert ids(tree) == []
        tree.forget(next(iter(discover(tmp_path))))
        assert ids(tree) == ["one"]


def test_a_tree_that_is_missing_says_so_until_it_is_there(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "later", clock=Clock())
    assert ids(tree) == []
    assert "there is nothing" in str(tree.error)
    make_run(tmp_path / "later", "one")
    assert ids(tree) == ["one"]
    assert tree.error is None


# Outages.


@pytest.mark.parametrize(
    ("error", "shared"),
    [
        (UnreachableError("x", "y"), True),
        (AuthError("x", "y"), True),
        (refused("unavailable", 503), True),
        (refused("storage_full", 507), True),
        (refused("rate_limited", 429), True),
        (refused("internal", 500), False),
        (refused("too_large", 413), False),
        (DamagedError("x", "y"), False),
    ],
)
def test_whose_failure_it_is(error: HoldfastError, shared: bool) -> None:
    assert is_of_server(error) is shared


def test_an_outage_is_asked_about_less_and_less_often_and_said_once_a_minute() -> None:
    clock, said = Clock(), []
    outage = Outage(said.append, clock=clock)
    assert outage.probe_due()
    outage.passed()
    asked = []
    outage.failed(UnreachableError("away", "wait"))
    while clock.now < 1600:
        clock.now += 0.1
        if outage.probe_due():
            asked.append(clock.now)
            outage.failed(UnreachableError("away", "wait"))
    pauses = [b - a for a, b in pairwise(asked)]
    assert 20 < len(asked) < 60
    assert max(pauses) <= 30.2
    assert 8 <= len(said) <= 11
    outage.passed()
    assert outage.open
    assert said[-1] == "the server answers again"


def test_a_server_that_says_when_is_taken_at_its_word() -> None:
    clock = Clock()
    outage = Outage(lambda line: None, clock=clock)
    error = RefusedError("busy", "wait", status=503, detail={"retry_after": "90"})
    outage.failed(error)
    clock.now += 89
    assert not outage.probe_due()
    clock.now += 2
    assert outage.probe_due()


def test_nobody_waits_for_a_year() -> None:
    clock = Clock()
    outage = Outage(lambda line: None, clock=clock)
    error = RefusedError("busy", "wait", status=429, detail={"retry_after": "999999999"})
    outage.failed(error)
    clock.now += 601
    assert outage.probe_due()


# Pace and hours.


@pytest.mark.parametrize("rate", [1, 500 << 10, 2_000_000, 1.5 * (1 << 20)])
def test_so_many_bytes_a_second(rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, clock=clock, sleep=clock.sleep)
    assert pace.piece <= 64 << 10
    for _ in range(20):
        pace.wait(int(rate))
    assert clock.now - 1000 == pytest.approx(19, rel=0.01)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 64 << 10), min_size=1, max_size=50), st.floats(1e3, 1e8))
def test_however_it_is_cut_the_pace_is_kept(pieces: list[int], rate: float) -> None:
    clock = Clock()
    pace = Pace(rate, clock=clock, sleep=clock.sleep)
    for size in pieces:
        pace.wait(size)
    assert clock.now - 1000 == pytest.approx(sum(pieces[:-1]) / rate, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("20:00-06:00", ["20:00", "23:59", "00:00", "05:59"], ["06:00", "12:00", "19:59"]),
        ("9:30-17:00", ["09:30", "16:59"], ["09:29", "17:00", "00:00"]),
        ("18:00-24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
    ],
)
def test_hours(text: str, inside: list[str], outside: list[str]) -> None:
    hours = Hours.read(text)
    for at in inside + outside:
        now = datetime.fromisoformat(f"2026-11-21T{at}:00")
        assert hours.hold(now) is (at in inside), at


@pytest.mark.parametrize("text", ["", "20-6", "25:00-06:00", "20:00-20:00", "20:60-06:00", "x"])
def test_what_are_no_hours(text: str) -> None:
    with pytest.raises(UsageError):
        Hours.read(text)


# The rhythm of one run.


def test_a_live_run_is_looked_at_every_second_a_quiet_one_in_time_and_a_resting_one_seldom(
    tmp_path: Path,
) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    now = 1000.0
    run = Followed(run_dir, now)
    run.seen(run.look(now), now)
    assert run.next_look - now == 1.0
    now += 100
    run.seen(run.look(now), now)
    assert 1.0 < run.next_look - now < 5.0
    writer.append(b"\x12\x00")
    now += 100
    run.seen(run.look(now), now)
    assert run.next_look - now == 1.0
    resting = Followed(run_dir, now, resting=True)
    resting.seen(resting.look(now), now)
    assert resting.next_look - now == 60.0
    assert resting.due(now, files=True) == []
    writer.close()


def test_a_writer_that_cannot_be_asked_lives_while_it_writes(tmp_path: Path) -> None:
    """As on a filesystem that machines share, seen from another machine."""
    run_dir, writer = start_run(tmp_path, "aaaa")
    now = 1000.0
    run = Followed(run_dir, now, writer=lambda _: "unknown")

    def look() -> str:
        run.seen(run.look(now), now)
        return run.writer

    assert look() == "unknown"  # nobody has seen it grow
    writer.append(b"\x12\x00")
    now += 10
    assert look() == "alive"
    now += 299
    assert (look(), run.has_ended(now)) == ("alive", False)
    now += 4
    assert (look(), run.has_ended(now)) == ("unknown", True)
    writer.append(b"\x12\x00")
    now += 10
    assert (look(), run.has_ended(now)) == ("alive", False)
    writer.close()


def test_news_do_not_wait_for_words_and_words_not_for_ever() -> None:
    lane = Lane[int](Crew("test", 1, queue.SimpleQueue()))
    for number in range(3):
        lane.add(number, urgent=False)
    for number in range(10, 16):
        lane.add(number, urgent=True)
    taken = [lane.take() for _ in range(10)]
    assert taken == [10, 11, 12, 0, 13, 14, 15, 1, 2, None]


def test_only_the_word_that_a_silent_writer_lives_can_wait(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    now = 1000.0
    run = Followed(run_dir, now)
    run.seen(run.look(now), now)
    assert (run.due(now, files=True), run.is_urgent("journal", now)) == (["journal"], True)
    work = run.begin("journal", context(MemoryServer()), lambda: True)
    run.ended("journal", work(), now)
    now += 50
    assert (run.due(now, files=False), run.is_urgent("journal", now)) == (["journal"], False)
    writer.append(b"\x12\x00")
    run.seen(run.look(now), now)
    assert run.is_urgent("journal", now)
    writer.close()


def test_failures_rest_longer_and_longer_but_not_for_ever(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    now = 1000.0
    run = Followed(run_dir, now)
    run.seen(run.look(now), now)
    waits = []
    server = context(MemoryServer())
    for _ in range(15):
        assert run.due(now, files=True) == ["journal"]
        run.begin("journal", server, lambda: True)
        run.failed("journal", RefusedError("no", "no", status=500), now, shared=False)
        assert run.due(now, files=True) == []
        wait = run.troubles["journal"].retry_at - now
        waits.append(wait)
        now += wait
        run.seen(run.look(now), now)
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 300.0)


def test_files_that_fail_do_not_hold_up_metrics(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path, "aaaa")
    server, now = context(MemoryServer()), 1000.0
    run = Followed(run_dir, now)
    run.seen(run.look(now), now)
    run.ended("journal", run.begin("journal", server, lambda: True)(), now)
    now += 20
    run.seen(run.look(now), now)
    assert run.due(now, files=True) == ["files"]
    run.begin("files", server, lambda: True)
    run.failed("files", RefusedError("no", "no", status=500), now, shared=False)
    append_rows(writer, rows(1))
    run.seen(run.look(now), now)
    assert run.due(now, files=True) == ["journal"]
    result = run.begin("journal", server, lambda: True)()
    assert isinstance(result, Shipped)
    run.ended("journal", result, now)
    assert run.state == "failing"
    writer.close()


# The survey that is put aside.


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 1 << 30))
def test_a_survey_that_is_put_aside_sees_what_one_that_is_not_sees(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], seed: int
) -> None:
    chance = random.Random(seed)
    run_dir, writer = start_run(tmp_path_factory.mktemp("s"), "aaaa")
    aside, first = Survey(run_dir.journal), 0
    for count in steps:
        append_rows(writer, [{**row, "x": "y" * chance.randrange(3000)} for row in
                             rows(count, first=first)])  # fmt: skip
        first += count
        with aside:
            aside.advance(growing=True, limit=chance.choice([None, 1000]))
    writer.close()
    with aside:
        aside.advance(growing=False)
        digest = aside.digest(aside.position)
    with Survey(run_dir.journal) as whole:
        whole.advance(growing=False)
        assert (aside.position, aside.records) == (whole.position, whole.records)
        assert digest == whole.digest(whole.position)


@pytest.mark.parametrize("how", ["shorter", "replaced"])
def test_another_file_is_not_read_on(tmp_path: Path, how: str) -> None:
    run_dir = make_run(tmp_path, "aaaa")
    survey = Survey(run_dir.journal)
    with survey:
        survey.advance(growing=False)
    data = run_dir.journal.read_bytes()
    if how == "shorter":
        os.truncate(run_dir.journal, len(data) - 1)
    else:
        other = tmp_path / "other"
        other.write_bytes(data)
        os.replace(other, run_dir.journal)
    with pytest.raises(ReplacedError), survey:
        pass


# Notes.


def test_a_note_of_a_dead_or_silent_watcher_counts_for_nothing(tmp_path: Path) -> None:
    run = RunStanding("/r", "a/b/c", "failing", 5, 1.0, "no", 2.0)
    here = os.uname().nodename
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    alive = Standing("s", [str(tmp_path)], {"failing": 1}, 5, [run], host=here, boot=boot,
                     pid=os.getpid())  # fmt: skip
    assert Standing.from_json(json.loads(json.dumps(alive.to_json()))) == alive
    for name, change in {
        "alive": {},
        "dead": {"pid": 2**22 + 1},
        "silent": {"at": 1.0},
        "elsewhere": {"host": "other", "boot": "other", "pid": 2**22 + 1},
        "newer": {"format": 99},
    }.items():
        said = {**alive.to_json(), **change}
        (tmp_path / f"watch-{name}.json").write_text(json.dumps(said))
    (tmp_path / "watch-torn.json").write_text('{"format": 1, "run')
    assert [note.host for note in read_notes(tmp_path)] in ([here, "other"], ["other", here])
    assert alive.covers(tmp_path / "below")
    assert not alive.covers(tmp_path.parent)
