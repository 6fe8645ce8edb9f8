"""What a wandb client reads of projects and runs, asked over GraphQL as it asks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from server.api_client import Site, journal_path
from server.gateway.asking import Graph
from server.making import START, Made, journal_of

from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.wire import digest_of, make_pack

ROWS = [
    {"loss": 1.5, "deep": {"x": 1}, "text": "a"},
    {"loss": math.nan, "deep": {"x": 2}},
    {"loss": math.inf, "big": 2**60},
    {"loss": 0.25, "deep": {"x": 3}},
]


def made_run() -> Made:
    stats = [encode.stats({"cpu": 10.0 * n, "gpu.0.temp": 50.0 + n}, START + n) for n in range(3)]
    said = [("stdout", "one\ntwo\n"), ("stderr", "three\n"), ("stdout", "10%\r20%")]
    console = [encode.output(s, text, START + n) for n, (s, text) in enumerate(said)]
    config = {"lr": 0.1, "nested": {"a": [1, None]}}
    return journal_of(
        ROWS, config=config, name="a run", tags=("t",), group="g", before=stats, after=console
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        site.users.add("guest", "k" * 40)
        made = made_run()
        site.sync(made)
        add_files(site, made, {"media/a b.txt": b"0123456789", "config.yaml": b"{}"})
        site.flush()
        yield site


@pytest.fixture(scope="module")
def graph(site: Site) -> Graph:
    return Graph(site)


def add_files(site: Site, made: Made, files: dict[str, bytes]) -> None:
    entries = [
        {"path": path, "size": len(data), "digest": digest_of(data)} for path, data in files.items()
    ]
    pack = make_pack({"files": entries}, [(digest_of(data), data) for data in files.values()])
    assert site.ask("POST", f"{journal_path(made)}/files", content=pack).json() == {"missing": []}


def run(graph: Graph, fields: str, **variables: Any) -> dict[str, Any]:
    types = {"s": "JSONString!", "n": "[String]", "a": "String", "low": "Int64", "high": "Int64"}
    declared = ", ".join(f"${name}: {types[name]}" for name in variables)
    head = f"query({declared})" if declared else "query"
    document = (
        f'{head} {{project(name: "digits", entityName: "team") {{run(name: "r1") {fields}}}}}'
    )
    found: dict[str, Any] = graph(document, **variables)["project"]["run"]
    return found


def test_the_viewer(graph: Graph) -> None:
    fields = "id name username entity email flags admin deletedAt teams {edges {node {name}}}"
    viewer = graph(f"{{viewer {{{fields} apiKeys {{edges {{node {{id}}}}}}}}}}")["viewer"]
    assert (viewer["entity"], viewer["username"]) == ("team", "team")
    assert json.loads(viewer["flags"]) == {}
    assert viewer["teams"] == {"edges": []}


def test_the_server(graph: Graph) -> None:
    info = graph(
        "{serverInfo {cliVersionInfo features {name isEnabled} latestLocalVersionInfo {outOfDate}}}"
    )["serverInfo"]
    assert info["cliVersionInfo"]["max_cli_version"] > "1"
    assert info["latestLocalVersionInfo"] == {"outOfDate": False}


def test_users_are_found_by_name_and_not_listed(graph: Graph) -> None:
    document = "query($q: String) {users(query: $q) {edges {node {username}}}}"
    assert graph(document, q="guest")["users"]["edges"] == [{"node": {"username": "guest"}}]
    assert graph(document, q="gues")["users"]["edges"] == []
    assert graph(document, q="")["users"]["edges"] == []


def test_projects(graph: Graph) -> None:
    fields = "id internalId name entityName entity {name} createdAt readOnly"
    document = (
        f"query($e: String) {{models(entityName: $e) {{edges {{cursor node {{{fields}}}}}}}}}"
    )
    [edge] = graph(document, e="")["models"]["edges"]
    assert edge["node"]["name"] == "digits"
    assert edge["node"]["entity"] == {"name": "team"}
    assert edge["node"]["readOnly"] is False
    assert int(edge["node"]["internalId"]) > 0
    assert graph(document, e="guest")["models"]["edges"] == []
    one = graph('{model(name: "digits") {internalId}}')["model"]
    assert one["internalId"] == edge["node"]["internalId"]
    assert graph('{project(name: "none") {id}}') == {"project": None}


def test_one_run(graph: Graph) -> None:
    found = run(
        graph,
        """{id name displayName description notes tags group jobType state exitcode readOnly
            sweepName stopped createdAt heartbeatAt projectId user {username} historyLineCount
            config summaryMetrics project {name entity {name}}}""",
    )
    assert found["name"] == "r1"
    assert (found["displayName"], found["tags"], found["group"]) == ("a run", ["t"], "g")
    assert (found["state"], found["exitcode"], found["stopped"]) == ("finished", 0, False)
    assert (found["createdAt"], found["historyLineCount"]) == ("2023-11-14T22:13:20Z", 4)
    assert found["project"] == {"name": "digits", "entity": {"name": "team"}}
    config = {key: value["value"] for key, value in json.loads(found["config"]).items()}
    assert config == {"lr": 0.1, "nested": {"a": [1, None]}}
    summary = json.loads(found["summaryMetrics"])
    assert (summary["loss"], summary["deep"], summary["_step"]) == (0.25, {"x": 3}, 3)


def test_a_run_that_is_not_there(graph: Graph) -> None:
    assert graph('{project(name: "digits") {run(name: "no")  {id}}}')["project"] == {"run": None}
    document = '{model(name: "digits") {bucket(name: "no", missingOk: true) {id}}}'
    assert graph(document)["model"] == {"bucket": None}
    [said] = graph.errors('{project(name: "digits") {run(name: "a/b") {id}}}')
    assert "a character that is not allowed" in said


def test_everybody_reads_and_own_runs_are_marked(site: Site) -> None:
    document = '{project(name: "digits", entityName: "team") {readOnly run(name: "r1") {readOnly}}}'
    answer = site.ask("POST", "/graphql", key="k" * 40, json={"query": document})
    assert answer.json()["data"]["project"] == {"readOnly": True, "run": {"readOnly": True}}


def test_what_a_client_asks_before_it_goes_on_with_a_run(graph: Graph) -> None:
    document = """query RunResumeStatus($project: String, $entity: String, $name: String!) {
        model(name: $project, entityName: $entity) {id name entity {id name}
            bucket(name: $name, missingOk: true) {id name summaryMetrics displayName logLineCount
                historyLineCount eventsLineCount historyTail eventsTail config tags notes
                wandbConfig(keys: ["t"])}}}"""
    bucket = graph(document, project="digits", entity="team", name="r1")["model"]["bucket"]
    assert "t" in json.loads(bucket["wandbConfig"])
    assert bucket["historyLineCount"] == 4
    [last] = json.loads(bucket["historyTail"])
    assert json.loads(last)["_step"] == 3
    [sample] = json.loads(bucket["eventsTail"])
    assert json.loads(sample)["system.cpu"] == 20.0


def test_history_keys(graph: Graph) -> None:
    keys = run(graph, "{historyKeys}")["historyKeys"]
    assert keys["lastStep"] == 3
    assert keys["keys"]["deep.x"]["previousValue"] == 3
    assert keys["keys"]["text"]["typeCounts"] == [{"type": "string", "count": 4}]


def rows_of(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in {"_timestamp", "_runtime"}}


def test_history_is_nested_and_exact(graph: Graph) -> None:
    rows = rows_of(run(graph, "{history(samples: 100)}")["history"])
    assert repr([plain(row) for row in rows]) == repr(
        [{"_step": step, **row} for step, row in enumerate(ROWS)]
    )
    few = rows_of(run(graph, "{history(samples: 2)}")["history"])
    assert [row["_step"] for row in few] == [0, 3]


@pytest.mark.parametrize(
    ("low", "high", "steps"), [(0, 2, [0, 1]), (1, 3, [1, 2]), (3, 10**12, [3]), (9, 10, [])]
)
def test_pages_of_history_end_before_the_last_step(
    graph: Graph, low: int, high: int, steps: list[int]
) -> None:
    fields = "{history(minStep: $low, maxStep: $high, samples: 1)}"
    rows = rows_of(run(graph, fields, low=low, high=high)["history"])
    assert [row["_step"] for row in rows] == steps


def sampled(graph: Graph, **spec: Any) -> list[dict[str, Any]]:
    found = run(graph, "{sampledHistory(specs: [$s])}", s=json.dumps(spec))["sampledHistory"]
    rows: list[dict[str, Any]] = found[0]
    return rows


def test_samples_of_some_keys(graph: Graph) -> None:
    assert sampled(graph, keys=["_step", "deep.x"]) == [
        {"_step": 0, "deep.x": 1},
        {"_step": 1, "deep.x": 2},
        {"_step": 3, "deep.x": 3},
    ]
    assert sampled(graph, keys=["loss"], minStep=3) == [{"loss": 0.25}]
    assert [row["_step"] for row in sampled(graph, keys=["_step", "loss"], maxStep=1)] == [0, 1]
    assert sampled(graph, keys=["loss", "big"]) == [{"loss": "Infinity", "big": 2**60}]
    assert [row["_step"] for row in sampled(graph, keys=["_step", "loss"], samples=2)] == [0, 3]
    assert sampled(graph, keys=["nothing"]) == []


@pytest.mark.parametrize("greatest", [2, 3])
def test_a_page_of_a_scan_ends_where_the_next_begins(graph: Graph, greatest: int) -> None:
    """Newer clients name the last step of a page, older ones the first of the next."""
    samples = 2 if greatest == 2 else 1000
    page = {"keys": ["_step", "loss"], "minStep": 1, "maxStep": greatest, "samples": samples}
    assert sampled(graph, **page) == [
        {"_step": 1, "loss": "NaN"},
        {"_step": 2, "loss": "Infinity"},
    ]


@pytest.mark.parametrize(
    "spec",
    [
        *("", "{", "[]", '{"keys": [1]}', '{"samples": 0}', '{"samples": "1"}'),
        *('{"minStep": 1.5}', '{"maxStep": 1e300}', '{"minStep": true}'),
        *('{"keys": [["a"]]}', '{"keys": "loss"}', '{"keys": {"loss": 1}}'),
    ],
)
def test_specs_that_are_none(graph: Graph, spec: str) -> None:
    document = """query($s: JSONString!) {project(name: "digits") {
        run(name: "r1") {sampledHistory(specs: [$s])}}}"""
    assert graph.errors(document, s=spec)


def test_system_metrics(graph: Graph) -> None:
    found = run(graph, "{events(samples: 2) eventsLineCount systemMetrics}")
    first, last = rows_of(found["events"])
    assert (first["system.cpu"], last["system.cpu"]) == (0.0, 20.0)
    assert (last["_runtime"], last["_wandb"]) == (2.0, True)
    assert found["eventsLineCount"] == 3
    assert json.loads(found["systemMetrics"])["system.gpu.0.temp"] == 52.0


def lines(graph: Graph, arguments: str) -> tuple[list[str], dict[str, Any]]:
    fields = (
        "{edges {cursor node {number timestamp level label line}} pageInfo {endCursor hasNextPage}}"
    )
    page = run(graph, f"{{logLines({arguments}) {fields}}}")["logLines"]
    return [edge["node"]["line"] for edge in page["edges"]], page


def test_console_by_pages_and_from_the_end(graph: Graph) -> None:
    assert run(graph, "{logLineCount}") == {"logLineCount": 4}
    first, page = lines(graph, "first: 3, useImprovedPagination: true")
    assert first == ["one", "two", "three"]
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["edges"][2]["node"]["level"] == "error"
    assert page["edges"][2]["node"]["timestamp"] == "2023-11-14T22:13:21.000000Z"
    rest, page = lines(graph, f'first: 3, after: "{page["pageInfo"]["endCursor"]}"')
    assert (rest, page["pageInfo"]["hasNextPage"]) == (["20%"], False)
    assert lines(graph, f'first: 3, after: "{page["pageInfo"]["endCursor"]}"')[0] == []
    assert lines(graph, "last: 2")[0] == ["three", "20%"]
    assert lines(graph, "last: 200")[0] == ["one", "two", "three", "20%"]
    assert lines(graph, "first: 0")[0] == []


FILE = "{id name url directUrl sizeBytes mimetype updatedAt md5}"


def files(graph: Graph, arguments: str = "", **variables: Any) -> list[dict[str, Any]]:
    arguments = f"({arguments})" if arguments else ""
    found = run(graph, f"{{fileCount files{arguments} {{edges {{node {FILE}}}}}}}", **variables)
    assert found["fileCount"] == 2
    return [edge["node"] for edge in found["files"]["edges"]]


def test_files_are_listed(graph: Graph) -> None:
    assert [(file["name"], file["sizeBytes"]) for file in files(graph)] == [
        ("config.yaml", 2),
        ("media/a b.txt", 10),
    ]
    assert [f["name"] for f in files(graph, "names: $n", n=["./media//a b.txt"])] == [
        "media/a b.txt"
    ]
    assert [f["name"] for f in files(graph, "pattern: $a", a="%.txt")] == ["media/a b.txt"]
    assert [f["name"] for f in files(graph, "pattern: $a", a="config_yaml")] == ["config.yaml"]
    assert files(graph, "pattern: $a", a="media") == []
    [missing] = files(graph, "names: $n", n=["none.txt"])
    assert (missing["sizeBytes"], missing["md5"]) == (0, "0")


def test_names_of_files_that_leave_the_run(graph: Graph) -> None:
    document = """query($n: [String]) {project(name: "digits") {
        run(name: "r1") {files(names: $n) {edges {node {name}}}}}}"""
    for name in ("../secret", "/etc/passwd", "", "a/../../b", "a\0b", None):
        assert graph.errors(document, n=[name]), name


def fetched(site: Site, url: str, method: str = "GET", **options: Any) -> Any:
    parts = urlsplit(url)
    return site.ask(method, f"{parts.path}?{parts.query}", key=None, **options)


def test_an_address_needs_no_key_and_is_good_for_one_file(site: Site, graph: Graph) -> None:
    [config, text] = files(graph)
    answer = fetched(site, text["directUrl"])
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    part = fetched(site, text["url"], headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"
    assert fetched(site, text["url"], headers={"Range": "bytes=10-"}).status_code == 416
    other = config["url"].partition("?")[0] + "?" + text["url"].partition("?")[2]
    assert fetched(site, other).status_code == 403
    assert fetched(site, text["url"], "PUT", content=b"x").status_code == 403
    assert fetched(site, text["url"].partition("?")[0]).status_code == 403
    assert fetched(site, text["url"], "HEAD").headers["content-length"] == "10"
    [missing] = files(graph, "names: $n", n=["none.txt"])
    assert fetched(site, missing["url"]).status_code == 404


def test_pages_of_this_server_may_read_files_and_no_others(site: Site, graph: Graph) -> None:
    """`wandb verify` asks so whether a browser could show what is stored."""
    [_, text] = files(graph)
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    answer = fetched(site, text["url"], "OPTIONS", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "http://127.0.0.1:8080"


def test_an_address_grows_old(site: Site, graph: Graph) -> None:
    [_, text] = files(graph)
    site.now += 3601
    answer = fetched(site, text["url"])
    assert answer.status_code == 403
    assert "no longer good" in answer.json()["error"]


@pytest.mark.parametrize("key", [None, "w" * 40])
def test_who_has_no_key(site: Site, key: str | None) -> None:
    answer = site.ask("POST", "/graphql", key=key, json={"query": "{viewer {id}}"})
    assert answer.status_code == 401
    assert "key" in answer.json()["errors"][0]["message"]
    stream = site.ask("POST", "/files/team/digits/r1/file_stream", key=key, json={})
    assert stream.status_code == 401


def test_lists_are_empty_where_nothing_is_served_yet(graph: Graph) -> None:
    found = run(graph, "{outputArtifacts(first: 5) {totalCount edges {node {id}}}}")
    assert found["outputArtifacts"] == {"totalCount": 0, "edges": []}
    project = graph('{project(name: "digits") {totalSweeps sweeps {edges {node {id}}}}}')["project"]
    assert project == {"totalSweeps": 0, "sweeps": {"edges": []}}
    assert (
        "does not serve sweeps"
        in graph.errors('{project(name: "digits") {sweep(sweepName: "a") {id}}}')[0]
    )


def test_runs_by_pages(tmp_path: Path) -> None:
    with Site(tmp_path) as site:
        for number in range(120):
            name = f"r{number:03}"
            site.chunk(journal_of([], run_id=name), RunPath("team", "many", name))
        graph = Graph(site)
        document = """query($after: String) {project(name: "many") {
            runs(first: 50, after: $after) {edges {cursor node {name}}
                pageInfo {endCursor hasNextPage}}}}"""
        names: list[str] = []
        after = None
        while True:
            page = graph(document, after=after)["project"]["runs"]
            names += [edge["node"]["name"] for edge in page["edges"]]
            after = page["edges"][-1]["cursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
        assert names == [f"r{number:03}" for number in range(120)]
