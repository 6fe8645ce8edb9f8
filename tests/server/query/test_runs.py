"""Lists of runs: search, order, pages, columns, states; one run; keys; changes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.making import START, Made, journal_of

from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.definitions import MetricDef

RUNS = "/api/v1/projects/team/digits/runs"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def add(site: Site, run_id: str, rows: list[dict[str, Any]] | None = None, **said: Any) -> Made:
    made = journal_of(rows or [], run_id=run_id, **said)
    site.sync(made, RunPath("team", "digits", run_id))
    return made


def ids(site: Site, query: str = "") -> list[str]:
    answer = site.get(f"{RUNS}?{query}")
    assert answer.status_code == 200, answer.text
    return [row["run_id"] for row in answer.json()["runs"]]


def test_newest_first_and_pages_meet_without_overlap(site: Site) -> None:
    names = [f"run{number}" for number in range(7)]
    for name in names:
        add(site, name)
    seen: list[str] = []
    after = ""
    for expected in (3, 3, 1):
        page = site.get(f"{RUNS}?limit=3&after={after}").json()
        assert (len(page["runs"]), page["total"]) == (expected, 7)
        seen += [row["run_id"] for row in page["runs"]]
        after = page["next"]
    assert after is None
    assert seen == names[::-1]


def test_a_page_goes_on_after_its_last_run_though_runs_came_before_it(site: Site) -> None:
    for name in ("a", "b", "c"):
        add(site, name)
    first = site.get(f"{RUNS}?limit=2").json()
    add(site, "d")
    second = site.get(f"{RUNS}?limit=2&after={first['next']}").json()
    assert [row["run_id"] for row in first["runs"]] == ["c", "b"]
    assert [row["run_id"] for row in second["runs"]] == ["a"]


def test_order_by_summary_and_config_with_missing_last_both_ways(site: Site) -> None:
    add(site, "low", [{"loss": 0.1}], config={"opt": {"lr": 3}, "name": "b"})
    add(site, "high", [{"loss": 7}], config={"opt": {"lr": 20}, "name": "A"})
    add(site, "nan", [{"loss": math.nan}], config={"opt": {"lr": math.inf}})
    add(site, "none")
    assert ids(site, "order=summary.loss")[:2] == ["low", "high"]
    assert ids(site, "order=-summary.loss")[:2] == ["high", "low"]
    assert set(ids(site, "order=-summary.loss")[2:]) == {"nan", "none"}
    assert ids(site, "order=config.opt.lr") == ["low", "high", "nan", "none"]
    assert ids(site, "order=config.name")[:2] == ["high", "low"]
    assert ids(site, "order=run_id") == ["high", "low", "nan", "none"]


def test_search_wants_every_word_somewhere(site: Site) -> None:
    add(site, "a1", name="Amber Tern", tags=("baseline",), config={"model": "resnet-Größe"})
    add(site, "b2", name="quiet-tern", notes="the long one", group="sweep", job_type="eval")
    assert ids(site, "search=TERN") == ["b2", "a1"]
    assert ids(site, "search=tern+baseline") == ["a1"]
    assert ids(site, "search=resnet") == ids(site, "search=größe") == ["a1"]
    assert ids(site, "search=eval") == ids(site, "search=long") == ids(site, "search=b2") == ["b2"]
    assert ids(site, "search=nothing") == []


def test_columns_are_dotted_keys_and_star_is_all_of_it_nested(site: Site) -> None:
    config = {"opt": {"name": "adam", "x.y": [1, 2]}, "bad": math.nan}
    add(site, "a", [{"loss": -math.inf}], config=config)
    row = site.get(f"{RUNS}?columns=config.opt.name,config.bad,summary.loss,config.no").json()
    assert row["runs"][0]["config"] == {"opt.name": "adam", "bad": {"$float": "NaN"}}
    assert row["runs"][0]["summary"] == {"loss": {"$float": "-Infinity"}}
    whole = site.get(f"{RUNS}?columns=*").json()["runs"][0]
    assert whole["config"] == {"opt": config["opt"], "bad": {"$float": "NaN"}}
    bare = site.get(RUNS).json()["runs"][0]
    assert bare["config"] == bare["summary"] == {}


def test_a_comma_in_a_key_has_a_backslash_before_it(site: Site) -> None:
    add(site, "a", config={"x,y": 1, "z": 2})
    row = site.get(RUNS, params={"columns": r"config.x\,y,config.z"}).json()["runs"][0]
    assert row["config"] == {"x,y": 1, "z": 2}


def test_states_follow_the_clock(site: Site) -> None:
    run = RunPath("team", "digits", "r1")
    site.chunk(journal_of([{"a": 1}], exit_code=None), run, writer="alive")
    add(site, "done")
    add(site, "bad", exit_code=3)
    assert ids(site, "state=running") == ["r1"]
    site.now += 1000
    assert ids(site, "state=running") == []
    assert ids(site, "state=pending") == ["r1"]
    site.chunk(journal_of([{"a": 1}], exit_code=None), run, start=0, writer="gone")
    assert ids(site, "state=finished,failed&order=run_id") == ["bad", "done"]


def test_a_writer_that_is_gone_without_an_end_has_crashed(site: Site) -> None:
    site.sync(journal_of([{"a": 1}], exit_code=None), writer="gone")
    assert ids(site, "state=crashed") == ["r1"]
    run = site.get("/api/v1/runs/team/digits/r1").json()
    assert (run["state"], run["proof"], run["exit_code"]) == ("crashed", "confirmed", None)


def test_a_run_that_said_so_and_is_silent_is_preempted_until_its_next_journal(site: Site) -> None:
    run = RunPath("team", "digits", "r1")
    first = journal_of([{"a": 1}], exit_code=None, after=[encode.preempting()])
    site.chunk(first, run, writer="alive")
    assert ids(site, "state=running") == ["r1"]
    site.now += 1000
    assert ids(site, "state=preempted") == ["r1"]
    assert ids(site, "state=crashed,pending,running") == []
    site.chunk(first, run, start=len(first.data), writer="gone")
    assert ids(site, "state=preempted") == ["r1"]
    second = journal_of([{"a": 2}], start_time=START + 9, exit_code=None)
    site.now -= 1000
    site.chunk(second, run, writer="alive")
    assert ids(site, "state=running") == ["r1"]
    site.chunk(second, run, start=len(second.data), writer="gone")
    assert ids(site, "state=crashed") == ["r1"]


@pytest.mark.parametrize(
    "query",
    ["order=nothing", "columns=loss", "state=sleeping", "after=xyz", "after=WzFd", "limit=0"],
)
def test_what_is_no_question_is_refused(site: Site, query: str) -> None:
    add(site, "a")
    answer = site.get(f"{RUNS}?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


def test_rows_follow_what_arrives(site: Site) -> None:
    made = add(site, "a", [{"loss": 1.0}, {"loss": 2.0}], exit_code=None)
    assert ids(site, "order=-summary.loss") == ["a"]
    longer = journal_of([{"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0}], run_id="a", exit_code=0)
    assert longer.data.startswith(made.data)
    sent = site.chunk(longer, RunPath("team", "digits", "a"), start=len(made.data))
    assert sent.status_code == 200
    row = site.get(f"{RUNS}?columns=summary.loss").json()["runs"][0]
    assert (row["summary"], row["rows"], row["last_step"]) == ({"loss": 3.0}, 3, 2)
    assert (row["state"], row["proof"]) == ("finished", "arriving")


def test_a_run_without_a_name_is_called_by_its_id(site: Site) -> None:
    add(site, "b", [{"loss": 1.0}])
    add(site, "a", name="zebra")
    add(site, "c", name="aardvark")
    rows = site.get(f"{RUNS}?order=name").json()["runs"]
    assert [row["name"] for row in rows] == ["aardvark", "b", "zebra"]
    assert site.get("/api/v1/runs/team/digits/b").json()["name"] == "b"


def test_keys_are_the_union_over_runs(site: Site) -> None:
    stats = [encode.stats({"cpu": 5.0}, START)]
    add(site, "a", [{"loss": 1.0, "note": "text"}], config={"lr": 1}, after=stats)
    add(site, "b", [{"acc": True, "deep": {"er": 1}}], config={"opt": {"name": "sgd"}})
    keys = site.get("/api/v1/projects/team/digits/keys").json()
    assert keys["metrics"] == ["acc", "deep.er", "loss"]
    assert keys["system"] == ["system.cpu"]
    assert keys["config"] == ["lr", "opt.name"]
    assert {"loss", "note", "deep.er"} <= set(keys["summary"])


def defined(*said: MetricDef) -> list[bytes]:
    return [encode.metric(one) for one in said]


def test_metrics_are_drawn_over_what_their_runs_agree_on(site: Site) -> None:
    steps = defined(MetricDef("*", glob=True, step_metric="at"), MetricDef("at", hidden=True))
    add(site, "a", [{"loss": 1.0, "acc": 0.1, "at": 10, "other": 1}], before=steps)
    run = site.get("/api/v1/runs/team/digits/a").json()
    assert run["step_metrics"] == {"loss": "at", "acc": "at", "other": "at"}
    assert run["hidden"] == ["at"]

    add(site, "b", [{"loss": 1.0, "at": 5}], before=steps)
    add(site, "c", [{"acc": 1.0}])
    own = defined(MetricDef("other", step_metric="loss"))
    add(site, "d", [{"other": 1, "loss": 2.0, "at": 1}], before=[*steps, *own])
    keys = site.get("/api/v1/projects/team/digits/keys").json()
    assert keys["step_metrics"] == {"loss": "at"}
    assert keys["hidden"] == ["at"]

    add(site, "e", [{"at": 1}])
    keys = site.get("/api/v1/projects/team/digits/keys").json()
    assert keys["hidden"] == []


def test_no_metric_is_drawn_over_what_was_never_logged(site: Site) -> None:
    said = defined(MetricDef("loss", step_metric="never"), MetricDef("text", step_metric="note"))
    add(site, "a", [{"loss": 1.0, "text": 1.0, "note": "x"}], before=said)
    assert site.get("/api/v1/runs/team/digits/a").json()["step_metrics"] == {}


def test_changes_name_the_runs_that_changed_since(site: Site) -> None:
    path = "/api/v1/projects/team/digits/changes"
    add(site, "a")
    start = site.get(path).json()
    assert start["runs"] == []
    assert site.get(f"{path}?since={start['cursor']}").json() == start
    add(site, "b")
    after = site.get(f"{path}?since={start['cursor']}").json()
    assert after["runs"] == ["b"]
    assert after["cursor"] > start["cursor"]
    assert site.get(f"{path}?since=0").json()["runs"] == ["a", "b"]


def test_projects(site: Site) -> None:
    site.sync(journal_of([]), RunPath("team", "one", "r1"))
    site.sync(journal_of([], run_id="r2"), RunPath("team", "two", "r2"))
    site.sync(journal_of([], run_id="r3"), RunPath("team", "two", "r3"))
    found = site.get("/api/v1/projects").json()["projects"]
    assert [(row["project"], row["runs"]) for row in found] == [("two", 2), ("one", 1)]


def test_a_run_of_two_journals_has_both_in_order(site: Site) -> None:
    later = journal_of([{"a": 1}], start_time=START + 100, exit_code=0)
    earlier = journal_of([{"a": 1}, {"a": 2}], exit_code=None)
    site.sync(later)
    site.sync(earlier)
    run = site.get("/api/v1/runs/team/digits/r1").json()
    assert [row["journal"] for row in run["journals"]] == [earlier.journal, later.journal]
    assert [(row["first_step"], row["last_step"]) for row in run["journals"]] == [(0, 1), (0, 0)]
    assert [row["complete"] for row in run["journals"]] == [False, True]
    assert (run["state"], run["rows"]) == ("finished", 3)


def test_damage_shows_as_gaps(site: Site) -> None:
    made = journal_of([{"a": number} for number in range(40)])
    hurt = bytearray(made.data)
    hurt[made.ends[10] + 9] ^= 0xFF
    site.sync(Made(bytes(hurt), made.journal, made.ends))
    run = site.get("/api/v1/runs/team/digits/r1").json()
    assert run["proof"] == "gaps"
    assert run["journals"][0]["proof"] == "gaps"
    assert run["journals"][0]["gaps"]


def test_records_that_the_server_does_not_know_are_counted(site: Site) -> None:
    of_the_future = b"\xfa\x7f\x03abc"  # field 2047, which no version has
    site.sync(journal_of([{"a": 1}], after=[of_the_future, of_the_future]))
    [journal] = site.get("/api/v1/runs/team/digits/r1").json()["journals"]
    assert (journal["unknown_records"], journal["gaps"], journal["rows"]) == (2, [], 1)
    assert journal["proof"] == "confirmed"


def test_what_is_not_there_is_not_found(site: Site) -> None:
    add(site, "a")
    for path in (
        "/api/v1/projects/team/none/runs",
        "/api/v1/projects/team/none/keys",
        "/api/v1/projects/team/none/changes",
        "/api/v1/runs/team/digits/none",
        "/api/v1/runs/team/digits/none/history",
        "/api/v1/runs/team/digits/none/history/sampled",
        "/api/v1/runs/team/digits/none/console",
        "/api/v1/runs/team/digits/none/files",
        "/api/v1/runs/team/digits/a/files/none",
        f"/api/v1/runs/team/digits/a/journals/{'0' * 32}/content",
    ):
        answer = site.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
