"""Documents: which are taken, how errors are worded, what introspection finds, what is limited."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from server.api_client import Site
from server.gateway.asking import Graph

from holdfast.errors import RefusedError
from holdfast.server.query import Queries


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def graph(site: Site) -> Graph:
    return Graph(site)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{viewer{nothing}}", 'Cannot query field "nothing" on type "User".'),
        ("{nothing}", 'Cannot query field "nothing" on type "Query".'),
        ("{viewer(a: 1){id}}", 'Unknown argument "a" on field "Query.viewer".'),
        ("query($n: Nothing){project(name: $n){id}}", 'Unknown type "Nothing".'),
        (
            "{viewer{...A}} fragment A on User {...A}",
            'Cannot spread fragment "A" within itself.',
        ),
    ],
)
def test_errors_have_the_words_that_clients_match(
    graph: Graph, document: str, message: str
) -> None:
    [said] = graph.errors(document)
    assert said.startswith(message), said


def test_a_document_that_cannot_be_read_is_refused(graph: Graph) -> None:
    assert graph.errors("{viewer", 400) == ["Syntax Error: Expected Name, found <EOF>."]


def test_an_error_is_one_line(graph: Graph) -> None:
    said = "Syntax Error: Invalid character escape sequence: '\\ '."
    assert graph.errors('{viewer(a: "\\\n")}', 400) == [said]


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ("query GetOrgAutomations {viewer {triggers {id}}}", "automations"),
        ("mutation pushToRunQueueByName {pushToRunQueueByName {runQueueItemId}}", "launch"),
        ("query GetTeamEntity {viewer {available}}", "teams"),
    ],
)
def test_what_is_not_served_is_named_before_the_words_that_clients_match(
    graph: Graph, document: str, what: str
) -> None:
    named, standard = graph.errors(document)
    assert named.startswith(f"this Holdfast server does not serve {what} yet")
    assert standard.startswith("Cannot query field")


@pytest.mark.parametrize("value", [None, 1, ["a"], {"a": 1}, True])
def test_a_variable_of_another_type_is_refused(graph: Graph, value: Any) -> None:
    [said] = graph.errors("query($n: String!){project(name: $n){id}}", 400, n=value)
    assert said.startswith('Variable "$n"')


def test_a_question_that_asks_for_what_is_not_there_is_answered(graph: Graph) -> None:
    """Clients up to 0.24 print nothing of a 400, and the reason is for people to read."""
    graph('mutation {upsertModel(input: {name: "asked"}) {model {id}}}')
    [said] = graph.errors('{project(name: "asked") {runs(order: "-none") {totalCount}}}')
    assert "runs have no field 'none'" in said


@pytest.mark.parametrize("operation", ["", None, "B"])
def test_the_operation_may_be_named_or_not(site: Site, operation: str | None) -> None:
    document = "query B($a: Boolean!) {viewer {entity @include(if: $a) name: username}}"
    said = {"query": document, "operationName": operation, "variables": {"a": True}}
    answer = site.ask("POST", "/graphql", json=said)
    assert answer.json() == {"data": {"viewer": {"entity": "team", "name": "team"}}}


def test_of_several_operations_one_must_be_named(site: Site, graph: Graph) -> None:
    document = "query A {viewer{id}} query B {viewer{entity}}"
    assert graph.errors(document, 400) == [
        "Must provide operation name if query contains multiple operations."
    ]
    said = {"query": document, "operationName": "B"}
    answer = site.ask("POST", "/graphql", json=said)
    assert answer.json() == {"data": {"viewer": {"entity": "team"}}}


PROBED = {
    "Query": {"serverInfo", "viewer"},
    "Mutation": {"createRunFiles", "upsertBucket"},
    "ServerInfo": {"cliVersionInfo", "latestLocalVersionInfo"},
    "ServerSettings": {"serverMessages"},
    "Artifact": {"id"},
    "Organization": {"orgEntity"},
    "Project": {"internalId"},
    "Run": {"projectId"},
}
PROBED_INPUTS = {
    "UseArtifactInput": {"usedAs"},
    "CreateArtifactInput": {"historyStep", "tags"},
    "CreateArtifactFileSpecInput": {"uploadPartsInput"},
    "AddAliasesInput": {"aliases"},
    "DeleteFilesInput": {"projectId"},
}


@pytest.mark.parametrize("name", [*PROBED, *PROBED_INPUTS])
def test_what_clients_probe_is_there(graph: Graph, name: str) -> None:
    document = (
        "query Probe($name: String!) {TypeInfo: __type(name: $name) {...fieldData}} "
        "fragment fieldData on __Type {name fields {name args {name}} inputFields {name}}"
    )
    found = graph(document, name=name)["TypeInfo"]
    wanted = PROBED.get(name) or PROBED_INPUTS[name]
    assert wanted <= {field["name"] for field in found["fields"] or found["inputFields"]}


def test_introspection_of_the_whole_schema(graph: Graph) -> None:
    types = graph("{__schema {types {name fields {name type {name ofType {name}}}}}}")
    assert {"Run", "Project"} <= {one["name"] for one in types["__schema"]["types"]}


def test_what_is_not_served_says_what_is_missing(graph: Graph) -> None:
    document = "mutation($i: CreateArtifactInput!) {createArtifact(input: $i) {artifact {id}}}"
    body = graph.body(document, i={"artifactTypeName": "data", "digest": "0"})
    assert body["data"] == {"createArtifact": None}
    assert body["errors"][0]["message"].startswith("this Holdfast server does not serve artifacts")


def test_what_is_not_served_says_so_to_clients_that_say_more_of_it(graph: Graph) -> None:
    """Newer ones add fields to the input, or ask for other fields of the answer."""
    document = "mutation($i: CreateArtifactInput!) {createArtifact(input: $i) {artifact {id}}}"
    newer = document.replace("{id}", "{id newest}")
    for text, more in ((document, {"labels": "[]"}), (newer, {})):
        body = graph.body(text, i={"artifactTypeName": "data", "digest": "0", **more})
        [error] = body["errors"]
        assert error["message"].startswith("this Holdfast server does not serve artifacts")
    unknown = graph.body("{viewer {none}}")["errors"][0]["message"]
    assert unknown.startswith('Cannot query field "none" on type "User"')


def test_no_artifact_has_a_name_yet(graph: Graph) -> None:
    """Up to 0.20 each `log_artifact` asks; an error would end the training script."""
    graph('mutation {upsertModel(input: {name: "tables"}) {model {id}}}')
    document = '{project(name: "tables") {artifact(name: "run-1-t:latest") {artifactType {name}}}}'
    assert graph(document) == {"project": {"artifact": None}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{viewer{id}}" + " " * 100_001, "characters"),
        ("{" + "viewer{id}" * 2_000 + "}", "Document contains more than 5000 tokens"),
        ("{models{edges{node" + "{project{" * 30 + "}" * 60 + "}}}", "Syntax Error"),
        (
            "{models{edges{node" + "{runs{edges{node{project" * 8 + "{id}" + "}}}}" * 8 + "}}}",
            "more than 20 levels",
        ),
        ("{viewer(a: " + "[" * 4_000 + ")}", ""),
    ],
)
def test_documents_are_limited(graph: Graph, document: str, message: str) -> None:
    assert message in graph.errors(document, 400)[0]


def test_fragments_count_for_the_depth(graph: Graph) -> None:
    fragments = " ".join(
        f"fragment F{number} on Run {{project {{run {{...F{number + 1} ...F{number + 1}}}}}}}"
        for number in range(40)
    )
    document = f"{{project {{run {{...F0}}}}}} {fragments} fragment F40 on Run {{id}}"
    assert "levels" in graph.errors(document, 400)[0]


def test_a_defect_is_told_without_a_trace(
    site: Site, graph: Graph, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret details")

    monkeypatch.setattr(Queries, "project_made", broken)
    [said] = graph.errors('{project(name: "digits") {id}}')
    assert said == "project failed: ZeroDivisionError; the server's log has the traceback"
    assert "secret details" in capsys.readouterr().err


def test_clients_try_again_when_the_server_is_busy(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise RefusedError("busy", "try again", status=503, code="unavailable")

    monkeypatch.setattr(Queries, "project_made", busy)
    said = {"query": '{project(name: "digits") {id}}'}
    answer = site.ask("POST", "/graphql", json=said)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["errors"][0]["message"] == "busy; try again"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"query": "{viewer{id}}", "query": "{viewer{entity}}"}',
        b'{"query": 1}',
        b'{"query": "{viewer{id}}", "variables": 3}',
        b'{"query": "{viewer{id}}", "variables": {"a": NaN}}',
        b'{"query": "{viewer{id}}", "variables": {"a": [-Infinity]}}',
        b'{"query": "{viewer{id}}", "operationName": 3}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_bodies_that_are_no_question(site: Site, body: bytes) -> None:
    answer = site.ask("POST", "/graphql", content=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["message"] == f"{answer.json()['error']}"


def test_a_body_may_be_compressed_up_to_a_limit(site: Site) -> None:
    headers = {"Content-Encoding": "gzip"}
    plain = json.dumps({"query": "{viewer{entity}}"}).encode()
    answer = site.ask("POST", "/graphql", content=gzip.compress(plain), headers=headers)
    assert answer.json() == {"data": {"viewer": {"entity": "team"}}}
    bomb = gzip.compress(bytes(64 << 20))
    answer = site.ask("POST", "/graphql", content=bomb, headers=headers)
    assert answer.status_code == 413
    answer = site.ask("POST", "/graphql", content=b"no gzip", headers=headers)
    assert answer.status_code == 422
    answer = site.ask("POST", "/graphql", content=plain, headers={"Content-Encoding": "br"})
    assert answer.status_code == 400
