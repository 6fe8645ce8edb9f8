"""Several writers of one run at the same time: nothing of one hides anything of another."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.held import RUN
from server.making import START, Made, journal_of

from holdfast.records import encode

RUN_PATH = "/api/v1/runs/team/digits/r1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture(params=["tail", "segments"])
def settle(request: pytest.FixtureRequest, site: Site) -> Any:
    return site.flush if request.param == "segments" else lambda: None


def writer(rank: int, steps: range, begun: int = 0, **said: Any) -> Made:
    """The journal of one rank; the console says which one's it is."""
    rows = [{"_step": step, "loss": 100 * rank + step} for step in steps]
    at = START + begun
    spoken = [encode.output("stdout", f"from {rank}\n", at + rank + 10 * n) for n in range(2)]
    stats = encode.stats({f"cpu/l:rank_{rank}": rank / 10}, at)
    label = said.pop("label", f"rank_{rank}")
    more = [*spoken, stats, *said.pop("after", [])]
    return journal_of(rows, start_time=at + rank / 10, label=label, after=more, **said)


def history(site: Site, query: str = "") -> list[tuple[str, int, float | None]]:
    read = [json.loads(line) for line in site.get(f"{RUN_PATH}/history?{query}").text.splitlines()]
    return [(row.get("_label", ""), row["_step"], row.get("loss")) for row in read]


def whole(site: Site) -> dict[str, Any]:
    run: dict[str, Any] = site.get(RUN_PATH).json()
    return run


def expected(rank: int, steps: range) -> list[tuple[str, int, float | None]]:
    return [(f"rank_{rank}", step, 100 * rank + step) for step in steps]


def test_rows_of_all_writers_stand_side_by_side(site: Site, settle: Any) -> None:
    for rank in (10, 0, 2):
        site.sync(writer(rank, range(4)))
    settle()
    every = [row for rank in (0, 2, 10) for row in expected(rank, range(4))]
    assert history(site) == every
    assert history(site, "keys=loss") == every
    assert history(site, "keys=_label,loss") == every
    assert history(site, "keys=_label") == [(label, step, None) for label, step, _ in every]
    assert history(site, "min_step=3") == [row for row in every if row[1] == 3]
    run = whole(site)
    assert (run["rows"], run["last_step"], run["state"]) == (12, 3, "finished")
    assert [one["label"] for one in run["journals"]] == ["rank_0", "rank_2", "rank_10"]


def test_a_restart_takes_over_its_own_rows_only(site: Site, settle: Any) -> None:
    site.sync(writer(0, range(6)))
    site.sync(writer(1, range(6), exit_code=None))
    site.sync(writer(1, range(3, 8), begun=100, resumed=True))
    settle()
    assert history(site) == expected(0, range(6)) + expected(1, range(8))
    assert len(history(site, "stretches=all")) == 17
    assert whole(site)["last_step"] == 7


def test_each_writer_has_its_line(site: Site, settle: Any) -> None:
    for rank in (1, 0):
        site.sync(writer(rank, range(3)))
    settle()
    lines = site.lines(keys=["loss", "none"])
    assert [(one["label"], one["x"], one["y"], one["breaks"]) for one in lines] == [
        ("rank_0", [0, 1, 2], [0, 1, 2], []),
        ("rank_1", [0, 1, 2], [100, 101, 102], []),
    ]
    assert site.lines(keys=["loss", "none"]) == lines  # those that were kept
    system = site.lines(keys=["system.cpu/l:rank_1"], stream="system")
    assert [(one["label"], one["y"]) for one in system] == [("rank_1", [0.1])]


def test_the_console_says_whose_a_line_is(site: Site, settle: Any) -> None:
    for rank in (1, 0):
        site.sync(writer(rank, range(1)))
    settle()
    lines = site.get(f"{RUN_PATH}/console").json()["lines"]
    assert [(line["label"], line["text"]) for line in lines] == [
        (f"rank_{rank}", f"from {rank}") for _ in range(2) for rank in range(2)
    ]


def test_a_writer_without_a_label_stands_beside_the_others(site: Site) -> None:
    site.sync(writer(0, range(3)))
    site.sync(writer(5, range(1), begun=50, label=""))
    assert history(site) == [("", 0, 500), *expected(0, range(3))]


ENDS: dict[str, dict[str, Any]] = {
    "running": {"exit_code": None, "writer": "alive"},
    "pending": {"exit_code": None, "writer": "unknown"},
    "failed": {"exit_code": 3, "writer": "gone"},
    "crashed": {"exit_code": None, "writer": "gone"},
    "preempted": {"exit_code": None, "writer": "gone", "after": [encode.preempting()]},
    "finished": {"exit_code": 0, "writer": "gone"},
}


@pytest.mark.parametrize("places", list(itertools.combinations(range(len(ENDS)), 2)))
@pytest.mark.parametrize("turned", [False, True])
def test_the_run_is_as_the_writer_that_gives_most_concern(
    site: Site, places: tuple[int, int], turned: bool
) -> None:
    states = [list(ENDS)[place] for place in places]
    for rank, state in enumerate(reversed(states) if turned else states):
        end = dict(ENDS[state])
        how = end.pop("writer")
        assert site.chunk(writer(rank, range(2), **end), writer=how).status_code == 200
    run = whole(site)
    assert run["state"] == states[0]
    assert run["exit_code"] == (3 if states[0] == "failed" else None)
    both = {"failed", "finished"}.issuperset(states)
    assert (run["ended_at"] is not None) == both


def test_a_writer_that_goes_on_is_not_crashed_any_more(site: Site) -> None:
    site.sync(writer(0, range(3)))
    site.sync(writer(1, range(3), exit_code=None))
    assert whole(site)["state"] == "crashed"
    assert [(one["label"], one["exit_code"]) for one in whole(site)["journals"]] == [
        ("rank_0", 0),
        ("rank_1", None),
    ]
    site.sync(writer(1, range(3, 5), begun=60, resumed=True))
    assert (whole(site)["state"], whole(site)["exit_code"]) == ("finished", 0)


def test_config_and_summary_are_merged_in_whatever_order_they_came(tmp_path: Path) -> None:
    told = []
    for turn, ranks in enumerate([(0, 1), (1, 0)]):
        with Site(tmp_path / str(turn)) as site:
            for rank in ranks:
                config = {"lr": 0.1, f"host_{rank}": f"n{rank}", "rank": rank}
                after = [encode.summary({"best": rank, f"best_{rank}": rank})]
                site.sync(writer(rank, range(2), config=config, after=after))
            run = whole(site)
            told.append((run["config"], run["summary"]))
    assert told[0] == told[1]
    config, summary = told[0]
    assert config == {"lr": 0.1, "host_0": "n0", "host_1": "n1", "rank": 1}
    assert {key: summary[key] for key in ("best", "best_0", "best_1")} == {
        "best": 1,
        "best_0": 0,
        "best_1": 1,
    }


def test_system_metrics_of_every_writer_are_among_the_latest(site: Site) -> None:
    for rank in range(3):
        more = [encode.stats({f"cpu/l:rank_{rank}": rank}, START + 5 * n) for n in range(40)]
        site.sync(writer(rank, range(1), after=more))
    named = {f"system.cpu/l:rank_{rank}" for rank in range(3)}
    assert named <= set(site.queries.latest_samples(RUN))


def test_a_file_of_each_writer_can_be_read(site: Site) -> None:
    bodies = {0: b"of 0", 1: b"of 1", 2: b"of 0"}
    for rank, body in bodies.items():
        made = writer(rank, range(1))
        site.sync(made)
        for path, data in (("out.log", body), (f"only_{rank}", body), ("same", b"same")):
            site.held.ingest.put_file(RUN, made.journal, path, [data])
    listed = [one["path"] for one in site.get(f"{RUN_PATH}/files").json()["files"]]
    assert listed == ["only_0", "only_1", "only_2", "out.log", "rank_1/out.log", "same"]
    assert site.get(f"{RUN_PATH}/files/out.log").content == b"of 0"
    assert site.get(f"{RUN_PATH}/files/rank_1/out.log").content == b"of 1"
