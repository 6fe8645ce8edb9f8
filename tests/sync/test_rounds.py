"""Whose turn it is to be looked through again, and what that finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer

from holdfast.errors import UnreachableError
from holdfast.ids import RunPath
from holdfast.sync.context import Wishes
from holdfast.sync.followed import Followed
from holdfast.sync.one import sync_run
from holdfast.sync.rounds import Rounds, look_through


def resting(tmp_path: Path, count: int, now: float) -> list[Followed]:
    run_dir = make_run(tmp_path, "aa")
    return [Followed(run_dir, now, resting=True) for _ in range(count)]


def test_each_has_its_turn_in_ten_minutes_and_never_more_than_fifty(tmp_path: Path) -> None:
    now = 1000.0
    rounds = Rounds(now)
    runs = resting(tmp_path, 120, now)
    for run in runs:
        rounds.add(run, now, soon=True)
    taken: list[tuple[float, Followed]] = []
    sizes = []
    while now < 1000.0 + 1300:
        some = rounds.take(now)
        sizes += [len(some)] if some else []
        taken += [(now, run) for run in some]
        for run in some:
            rounds.add(run, now)
        now += 1
    assert sizes == [50, 50, 20] * 3
    for run in runs:
        first, second, third = (at for at, one in taken if one is run)
        assert second - first == pytest.approx(600, abs=11)
        assert third - second == pytest.approx(600, abs=11)


def test_of_ten_thousand_each_has_its_turn(tmp_path: Path) -> None:
    now = 0.0
    rounds = Rounds(now)
    waiting = set(resting(tmp_path, 10_000, now))
    for run in waiting:
        rounds.add(run, now, soon=True)
    while waiting:
        for run in rounds.take(now):
            waiting.discard(run)
            rounds.add(run, now)
        now += 5
    assert now == 1000


def test_one_that_does_not_rest_is_left_and_one_that_waits_waits_once(tmp_path: Path) -> None:
    rounds = Rounds(0.0)
    (run,) = resting(tmp_path, 1, 0.0)
    rounds.add(run, 0.0, soon=True)
    rounds.add(run, 0.0, soon=True)
    rounds.add(run, 0.0)
    run.wake(0.0)
    assert rounds.take(1.0) == []
    run.resting = True
    rounds.add(run, 1.0)
    assert rounds.take(600.0) == []
    assert rounds.take(601.0) == [run]
    assert rounds.take(2000.0) == []


def test_what_has_something_to_send(tmp_path: Path) -> None:
    server = MemoryServer()
    some = context(server)
    made = [make_run(tmp_path, name, number=n) for n, name in enumerate(("aa", "bb", "cc", "dd"))]
    live, writer = start_run(tmp_path, "ee", number=9)
    append_rows(writer, rows(3))
    for run_dir in (*made, live):
        assert sync_run(some, run_dir).ok
    wishes = {run_dir: Wishes() for run_dir in (*made, live)}
    before = server.calls["lapsed"]
    assert look_through(some, wishes) == set()
    assert server.calls["lapsed"] == before + 1
    deep = made[0].files / "media" / "images"
    deep.mkdir(parents=True)
    assert look_through(some, wishes) == set()
    (deep / "a.png").write_bytes(b"a")
    server.delete(RunPath("ann", "digits", "bb"))
    server.deleted.clear()
    made[2].receipt.unlink()  # nothing can be said of it
    wishes[made[3]] = Wishes(project="another")
    writer.close()  # without an end: the server has to hear of it
    assert look_through(some, wishes) == {made[0], made[1], made[3], live}
    assert look_through(some, {}) == set()


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path, "aa")
    some = context(server)
    sync_run(some, run_dir)

    def away(method: str, when: str) -> None:
        raise UnreachableError("away")

    server.fail = away
    with pytest.raises(UnreachableError):
        look_through(some, {run_dir: Wishes()})
