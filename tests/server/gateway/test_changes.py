"""Runs as clients begin, resume, fork, rewind, change and delete them; their files; alerts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site
from server.gateway.telling import Client, posted, row
from server.making import START, journal_of

from holdfast.ids import RunPath
from holdfast.journal import scan_payloads
from holdfast.records import encode
from holdfast.records.decode import kind, parse
from holdfast.server.gateway.names import make_id
from holdfast.server.query import Queries, RowsRequest


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Client:
    return Client(site)


def config(**values: Any) -> str:
    client = values.pop("client", {})
    said = {key: {"value": value, "desc": None} for key, value in values.items()}
    return json.dumps({**said, "_wandb": {"value": client}})


def logged(client: Client, first: int, end: int, offset: int | None = None) -> None:
    rows = [row(step, loss=step) for step in range(first, end)]
    client.take(posted(history=(first if offset is None else offset, rows)))


def steps(client: Client) -> list[int]:
    return [one["_step"] for one in client.rows()]


def test_a_run_begins(client: Client) -> None:
    machine = {"os": "Linux", "cpu_count": 2, "memory": {"total": "1024"}, "gpu": "H100"}
    machine |= {"disk": {"/": {"total": "5", "used": "x"}}, "git": {"remote": "r", "commit": "c"}}
    said = config(
        lr=0.1,
        nested={"a": [1, None]},
        client={"t": {"1": [2]}, "e": {"w": machine, "x": 5}, "m": [{"1": "loss", "7": [1, 3]}]},
    )
    payload = client.upsert(
        displayName="first",
        notes="n",
        tags=["a", "b", "a"],
        groupName="g",
        jobType="train",
        config=said,
        host="h",
        jobProgram="train.py",
        commit="abc",
        jobRepo="git@x",
    )
    assert payload["inserted"]
    assert payload["bucket"]["historyLineCount"] is None
    run = client.run()
    assert (run["name"], run["notes"], run["tags"]) == ("first", "n", ["a", "b"])
    assert (run["group"], run["job_type"], run["state"]) == ("g", "train", "running")
    assert run["config"] == {"lr": 0.1, "nested": {"a": [1, None]}}
    assert run["metadata"]["program"] == "train.py"
    assert (run["metadata"]["os"], run["metadata"]["memory"]) == ("Linux", {"total": 1024})
    assert run["metadata"]["git"]["commit"]
    assert [(m["name"], m["summary"]) for m in run["defined_metrics"]] == [
        ("loss", ["min", "mean"])
    ]
    assert json.loads(payload["bucket"]["config"])["_wandb"]["value"]["t"] == {"1": [2]}


def test_what_is_said_again_adds_nothing(client: Client) -> None:
    said = {"displayName": "x", "tags": ["a"], "config": config(lr=1, client={"t": {"1": [1]}})}
    client.upsert(**said)
    before = client.run()["journals"]
    assert not client.upsert(**said)["inserted"]
    assert client.run()["journals"] == before


def test_the_same_name_in_two_projects_is_two_runs(client: Client) -> None:
    client.upsert(displayName="one")
    client.upsert(modelName="other", displayName="two")
    assert client.run()["name"] == "one"


def test_a_run_is_changed_after_its_end(client: Client) -> None:
    """What `wandb.Api` does to a run: the state, the times and the rows stay."""
    bucket = client.upsert(displayName="x", notes="n", tags=["a"], config=config(lr=1, n=2))[
        "bucket"
    ]
    logged(client, 0, 3)
    client.take({"complete": True, "exitcode": 0})
    before = client.run()
    changed = {
        "displayName": "y",
        "notes": "",
        "tags": [],
        "config": config(lr=2),
        "groupName": "g",
    }
    client.upsert(id=bucket["id"], **changed)
    client.upsert(id=bucket["id"], summaryMetrics=json.dumps({"best": 5}))
    after = client.run()
    assert (after["name"], after["notes"], after["tags"], after["group"]) == ("y", "", [], "g")
    assert after["config"] == {"lr": 2}
    assert after["summary"]["best"] == 5
    assert "loss" not in after["summary"]
    for key in ("state", "started_at", "ended_at", "duration", "rows", "exit_code"):
        assert after[key] == before[key], key
    assert client.journals() == 1


def test_a_fork_goes_on_from_a_step_of_another_run(site: Site, client: Client) -> None:
    client.upsert(config=config(lr=1))
    logged(client, 0, 10)
    fork = Client(site, "fork")
    said = config(mine=2, client={"branch_point": {"run_id": "r1", "step": 4}})
    assert fork.upsert(config=said)["inserted"]
    assert fork.run()["config"] == {"lr": 1, "mine": 2}
    fork.upsert(config=said)
    fork.take(posted(history=(0, [row(step, 1.7e9, loss=100) for step in (5, 6)])))
    assert [one["loss"] for one in fork.rows()] == [0, 1, 2, 3, 4, 100, 100]
    assert fork.run()["config"] == {"lr": 1, "mine": 2}
    assert steps(client) == list(range(10))


def test_a_fork_that_was_cut_off_is_whole_after_the_next_upsert(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.upsert(config=config(lr=1))
    logged(client, 0, 10)
    fork = Client(site, "fork")
    said = config(client={"branch_point": {"run_id": "r1", "step": 4}})
    whole = Queries.rows

    def cut_off(queries: Queries, run: RunPath, request: RowsRequest) -> Iterator[Any]:
        yield next(whole(queries, run, request))[:2]
        raise OSError("the disk went away")

    with monkeypatch.context() as patch:
        patch.setattr(Queries, "rows", cut_off)
        with pytest.raises(AssertionError, match="upsertBucket failed"):
            fork.upsert(config=said)
    assert steps(fork) == [0, 1]
    fork.upsert(config=said)
    assert steps(fork) == [0, 1, 2, 3, 4]
    fork.upsert(config=said)
    assert steps(fork) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("more", [-3, 0, 3])
def test_a_session_that_is_told_and_brought_counts_once(
    site: Site, client: Client, more: int
) -> None:
    """A live run's folder is synced too: to be sure of it, or because the run was killed."""
    client.upsert(config=config(lr=1))
    told = [row(step, START + step, loss=step) for step in range(10)]
    client.take(posted(history=(0, told), output=(0, ["2026-11-21T10:00:00 hello"])))
    client.take({"complete": True, "exitcode": 0})
    client.upsert(displayName="changed", config=config(lr=2))
    lines = [encode.output("stdout", "hello\n", START)]
    made = journal_of([{"loss": n} for n in range(10 + more)], config={"lr": 1}, after=lines)
    site.sync(made, client.path)
    run = client.run()
    assert run["rows"] == max(10, 10 + more)
    rows = [
        one for some in site.queries.rows(client.path, RowsRequest(latest=False)) for one in some
    ]
    assert [one["_step"] for one in rows] == list(range(max(10, 10 + more)))
    assert [text for _, text in client.console()] == ["hello"]
    assert (run["name"], run["config"]) == ("changed", {"lr": 2})


def rewind(client: Client, step: float, metric: str = "_step", status: int = 200) -> dict[str, Any]:
    query = """mutation M($input: RewindRunInput!) {
        rewindRun(input: $input) { rewoundRun { name historyLineCount summaryMetrics } } }"""
    given = {"runName": "r1", "projectName": "digits", "metricName": metric, "metricValue": step}
    return client.graphql(query, status, input=given)


def test_a_rewound_run_goes_on_from_a_step(client: Client) -> None:
    client.upsert()
    logged(client, 0, 10)
    client.take({"complete": True, "exitcode": 0})
    said = rewind(client, 6)["data"]["rewindRun"]["rewoundRun"]
    assert said["historyLineCount"] == 7
    assert json.loads(said["summaryMetrics"])["loss"] == 6
    assert steps(client) == list(range(7))
    client.take(posted(history=(7, [row(7, 1.7e9, loss=100)])))
    client.take(posted(history=(7, [row(7, 1.7e9, loss=100)])))
    assert [one["loss"] for one in client.rows()] == [*range(7), 100]
    assert rewind(client, 2)["data"]["rewindRun"]["rewoundRun"]["historyLineCount"] == 3
    assert steps(client) == [0, 1, 2]
    client.site.held.ingest.flush(10, idle=-1)
    assert steps(client) == [0, 1, 2]
    assert len(client.rows(latest=False)) == 11


@pytest.mark.parametrize(
    ("step", "metric"), [(-1, "_step"), (1.5, "_step"), (3, "loss"), (1e300, "_step")]
)
def test_a_run_is_rewound_to_a_step_only(client: Client, step: float, metric: str) -> None:
    client.upsert()
    assert "cannot be rewound" in rewind(client, step, metric, 400)["error"]


def urls(client: Client, *names: str) -> list[str]:
    given = {"projectName": "digits", "runName": client.path.run_id, "files": list(names)}
    files = client.mutate("createRunFiles", "files { name uploadUrl }", **given)["files"]
    assert [one["name"] for one in files] == list(names)
    return [one["uploadUrl"].partition("8080")[2] for one in files]


def test_files(site: Site, client: Client) -> None:
    client.upsert()
    paths = ["a.txt", "./media//x y.png", "é/b"]
    for name, url in zip(paths, urls(client, *paths), strict=True):
        for _ in range(2):
            assert site.ask("PUT", url, key=None, content=name.encode() * 100).status_code == 200
    files = {one["path"]: one["size"] for one in site.queries.files(client.path)["files"]}
    assert files == {"a.txt": 500, "media/x y.png": 1600, "é/b": 400}
    assert b"".join(site.queries.file(client.path, "a.txt").read(0, 500)) == b"a.txt" * 100
    assert len(site.held.table("contents")) == 3
    given = {"projectName": "digits", "runName": "r1", "files": ["a.txt"]}
    assert client.mutate("markRunFilesUploaded", "success", **given) == {"success": True}


async def _unannounced(data: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(data), 100_000):
        yield data[at : at + 100_000]


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
@pytest.mark.parametrize("announced", [True, False])
def test_a_file_of_any_length(site: Site, client: Client, size: int, announced: bool) -> None:
    client.upsert()
    [url] = urls(client, "a.bin")
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    body = data if announced else _unannounced(data)
    assert site.ask("PUT", url, key=None, content=body).status_code == 200
    assert b"".join(site.queries.file(client.path, "a.bin").read(0, size)) == data


def test_a_short_file_that_lies_there_is_not_written_again(site: Site, client: Client) -> None:
    written = []
    for name, data in (("a", b"same"), ("b", b"same"), ("a", b"other"), ("b", b"same")):
        client.upsert()
        [url] = urls(client, name)
        assert site.ask("PUT", url, key=None, content=data).status_code == 200
        written.append(len(site.held.table("contents")))
    assert written == [1, 1, 2, 2]
    files = {one["path"]: one["size"] for one in site.queries.files(client.path)["files"]}
    assert files == {"a": 5, "b": 4}


def test_a_file_of_a_run_that_a_sender_brought(site: Site, client: Client) -> None:
    made = journal_of([{"a": 1}])
    site.held.ingest.chunk(client.path, made.journal, 0, made.data, "gone")
    before = client.run()
    [url] = urls(client, "a.txt")
    assert site.ask("PUT", url, key=None, content=b"").status_code == 200
    after = client.run()
    for key in ("state", "started_at", "ended_at", "duration", "rows", "proof"):
        assert after[key] == before[key], key
    assert [one["size"] for one in site.queries.files(client.path)["files"]] == [0]


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "", ".", "a\0b", "x" * 5000])
def test_a_file_that_leaves_the_run_has_no_url(client: Client, name: str) -> None:
    client.upsert()
    query = "mutation M($i: CreateRunFilesInput!) { createRunFiles(input: $i) { runID } }"
    given = {"projectName": "digits", "runName": "r1", "files": ["good.txt", name]}
    assert "file" in client.graphql(query, 400, i=given)["error"]


def test_an_alert_is_kept(client: Client) -> None:
    client.upsert()
    said = {"title": "t", "text": "x", "severity": "WARN", "waitDuration": 60000}
    given = {"projectName": "digits", "runName": "r1", **said}
    assert client.mutate("notifyScriptableRunAlert", "success", **given) == {"success": True}
    [journal] = client.run()["journals"]
    data = client.site.held.bytes_of(journal["journal"], client.path)
    [found] = [one for one in scan_payloads(data).payloads if kind(one) == "alert"]
    alert = parse(found).alert
    assert (alert.title, alert.text, alert.level, alert.wait_duration) == ("t", "x", "WARN", 60000)
    assert client.run()["alerts"] == [{"title": "t", "text": "x", "level": "WARN"}]


def test_alerts_stand_in_order_and_the_latest_are_shown(client: Client) -> None:
    client.upsert()
    client.take(posted(history=(0, [row(0, loss=1)])))
    given = {"projectName": "digits", "runName": "r1", "severity": "INFO"}
    for number in range(103):
        text = "long " * 1000 if number == 102 else ""
        said = {**given, "title": f"alert {number}", "text": text}
        client.mutate("notifyScriptableRunAlert", "success", **said)
        if number == 50:
            client.take(posted(complete=True, exitcode=0))
    alerts = client.run()["alerts"]
    assert [alert["title"] for alert in alerts] == [f"alert {n}" for n in range(3, 103)]
    assert (len(alerts[-1]["text"]), alerts[-1]["text"][-5:]) == (2000, "long…")


def test_a_deleted_run_is_gone(client: Client) -> None:
    bucket = client.upsert()["bucket"]
    logged(client, 0, 3)
    client.mutate("deleteRun", "clientMutationId", id=bucket["id"])
    assert client.site.held.table("runs") == []
    for body in ({}, {"complete": True, "exitcode": 0}):
        answer = client.post(body)
        assert (answer.status_code, "was deleted" in answer.text) == (404, True)
    query = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }"
    begun = {"name": "r1", "modelName": "digits", "host": "here", "config": "{}"}
    for given in ({"name": "r1", "modelName": "digits"}, begun):
        said = {"query": query, "variables": {"i": given}}
        answer = client.site.ask("POST", "/graphql", json=said)
        assert answer.status_code == 410  # 409 its clients would send again and again
        [error] = answer.json()["errors"]
        assert error["extensions"]["code"] == "run_deleted"
        assert "run r1 was deleted" in error["message"]
    # What else is refused is so with 200: clients before 0.17 try any other status again for days.
    said = {"title": "t", "text": "x", "projectName": "digits", "runName": "r1"}
    alert = "mutation M($i: NotifyScriptableRunAlertInput!)"
    alert += " { notifyScriptableRunAlert(input: $i) { success } }"
    for document, given in ((query, {"id": bucket["id"], "notes": "new"}), (alert, said)):
        [error] = client.graphql(document, i=given)["errors"]
        assert "was deleted" in error["message"]
    # A client that began before goes on; nothing of what it says is kept.
    query = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted bucket {"
    query += " id name displayName description config sweepName historyLineCount"
    query += " project { name entity { name } } } } }"
    later = {"name": "r1", "modelName": "digits", "config": '{"a": {"value": 1}}'}
    told = client.graphql(query, i=later)["data"]["upsertBucket"]
    assert (told["inserted"], told["bucket"]["name"]) == (False, "r1")
    assert told["bucket"]["project"] == {"name": "digits", "entity": {"name": "team"}}
    assert client.site.held.table("runs") == []
    assert client.upsert(name="r2")["inserted"]


def test_a_project_is_made(client: Client) -> None:
    wanted = "inserted project { name entityName }"
    made = client.mutate("upsertModel", wanted, name="new")
    assert made == {"inserted": True, "project": {"name": "new", "entityName": "team"}}
    assert not client.mutate("upsertModel", wanted, name="new")["inserted"]


@pytest.mark.parametrize(
    "said",
    [
        *({"config": text} for text in ("{", "[]", "5", "nul")),
        *({"summaryMetrics": text} for text in ("{", "[]")),
        *({"name": name} for name in ("a/b", "..", " x", "a" * 1000)),
        {"modelName": "a/b"},
        {"id": "nonsense"},
        {"id": "UnVuOmE6Yg=="},
    ],
)
def test_what_cannot_be_is_told(client: Client, said: dict[str, Any]) -> None:
    whole = {"name": "r1", "modelName": "digits", **said}
    query = "mutation M($input: UpsertBucketInput!) { upsertBucket(input: $input) { inserted } }"
    assert "failed:" not in client.graphql(query, 400, input=whole)["error"]
    assert client.site.held.table("runs") == []


def test_runs_of_another_user_are_refused(site: Site, client: Client) -> None:
    """Whether a change names them or gives their id."""
    client.upsert(notes="theirs")
    before = site.held.table("runs"), site.held.table("journals")
    stranger = site.users.add("stranger")
    named = {"entityName": "team", "projectName": "digits", "runName": "r1"}
    by_id = {"id": make_id("Run", *client.path)}
    for name, given in [
        ("upsertBucket", {"entityName": "team", "modelName": "digits", "name": "r1"}),
        ("upsertBucket", {**by_id, "notes": "mine"}),
        ("createRunFiles", {**named, "files": ["a.txt"]}),
        ("markRunFilesUploaded", {**named, "files": ["a.txt"]}),
        ("deleteFiles", {"files": [make_id("File", *client.path, "a.txt")]}),
        ("notifyScriptableRunAlert", {**named, "title": "a", "text": "b"}),
        ("rewindRun", {**named, "metricName": "_step", "metricValue": 0}),
        ("stopRun", by_id),
        ("deleteRun", by_id),
        ("upsertModel", {"entityName": "team", "name": "new"}),
    ]:
        kind = f"{name[0].upper()}{name[1:]}Input!"
        query = f"mutation M($i: {kind}) {{ {name}(input: $i) {{ __typename }} }}"
        said = {"query": query, "variables": {"i": given}}
        answer = site.ask("POST", "/graphql", json=said, key=stranger)
        assert answer.status_code == 403, (name, answer.text)
        assert "user 'stranger' may not write into 'team'" in answer.json()["error"], name
    assert (site.held.table("runs"), site.held.table("journals")) == before


@pytest.mark.parametrize(
    "client_part",
    [
        {"m": 5, "e": [1], "t": None, "branch_point": "x"},
        {"m": [5, {}, {"1": 5}, {"1": "a", "5": 99, "6": "x", "7": [99, None], "8": "z"}]},
        {"e": {"a": {"args": "x", "disk": {"/": 5}, "memory": [], "gpu_nvidia": [5], "git": 1}}},
        {"e": {"a": {"startedAt": "x", "slurm": {"a": 1}, "cpu_count": 1e300, "os": 5}}},
        {"branch_point": {"run_id": 5, "step": "x"}},
    ],
)
def test_odd_words_of_a_client_are_taken(client: Client, client_part: dict[str, Any]) -> None:
    for _ in range(2):
        client.upsert(config=config(lr=1, client=client_part))
    assert client.run()["config"] == {"lr": 1}
