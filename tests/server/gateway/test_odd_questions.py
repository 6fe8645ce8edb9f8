"""Whatever a reader asks is answered or refused in words: nothing it sends is a defect of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server.api_client import Site
from server.making import START, journal_of

from holdfast.records import encode

DOCUMENTS = {
    "history": """query($low: Int64, $high: Int64, $n: Int) {project(name: "digits") {
        run(name: "r1") {history(minStep: $low, maxStep: $high, samples: $n)}}}""",
    "events": """query($n: Int) {project(name: "digits") {
        run(name: "r1") {events(samples: $n)}}}""",
    "sampled": """query($s: [JSONString!]!) {project(name: "digits") {
        run(name: "r1") {sampledHistory(specs: $s)}}}""",
    "runs": """query($f: JSONString, $o: String, $n: Int, $a: String) {project(name: "digits") {
        runCount(filters: $f)
        runs(filters: $f, order: $o, first: $n, after: $a) {edges {node {id}}}}}""",
    "files": """query($l: [String], $p: String, $n: Int, $a: String) {project(name: "digits") {
        run(name: "r1") {files(names: $l, pattern: $p, first: $n, after: $a) {
            edges {node {id url(upload: true)}}}}}}""",
    "lines": """query($n: Int, $a: String, $m: Int) {project(name: "digits") {
        run(name: "r1") {logLines(first: $n, after: $a, last: $m) {edges {node {line}}}}}}""",
    "names": """query($p: String, $o: String, $a: String!) {project(name: $p, entityName: $o) {
        run(name: $a) {id}} users(query: $a) {edges {node {id}}} entity(name: $p) {id}}""",
    "models": """query($o: String, $a: String, $n: Int) {
        models(entityName: $o, after: $a, first: $n) {edges {node {runCount}}}}""",
}

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3)
texts = st.text() | st.sampled_from(
    ["digits", "team", "r1", "loss", "+created_at", "-config.a", "%"]
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
operators = st.sampled_from(
    [
        *("$and", "$or", "$not", "$in", "$gt", "$regex", "$exists", "config.lr"),
        *("$all", "$size", "$elemMatch", "$mod", "$type", "$contains", "$options"),
    ]
)
filters = st.recursive(
    values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(operators, inner, max_size=3),
    max_leaves=6,
)
specs = st.fixed_dictionaries(
    {}, optional={"keys": values, "samples": values, "minStep": values, "maxStep": values}
)
json_texts = st.builds(json.dumps, filters | specs) | texts


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as site:
        said = [encode.stats({"cpu": 1.0}, START), encode.output("stdout", "a\nb\n", START)]
        rows = [{"loss": 1.0, "deep": {"x": 2}}, {"loss": float("nan")}]
        site.sync(journal_of(rows, before=said, config={"lr": 0.1}, tags=("t",)))
        yield site


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
@pytest.mark.parametrize("name", DOCUMENTS)
def test_odd_arguments(name: str, site: Site, data: st.DataObject) -> None:
    kinds: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys("fp", json_texts | texts | values),
        **dict.fromkeys(["n", "m", "low", "high"], numbers | values),
        **dict.fromkeys("oa", texts | values),
        "s": st.lists(json_texts, max_size=3) | values,
        "l": st.lists(texts, max_size=3) | values,
    }
    variables = {key: data.draw(kind, label=key) for key, kind in kinds.items()}
    said = json.dumps({"query": DOCUMENTS[name], "variables": variables})
    answer = site.ask("POST", "/graphql", content=said.encode())
    assert answer.status_code in {200, 400}, answer.text
    for error in answer.json().get("errors", ()):
        assert "traceback" not in error["message"], error
