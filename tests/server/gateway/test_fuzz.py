"""Whatever is sent, the gateway answers in its own words: no defect shows, nothing else is touched.

Two generators: schemathesis makes documents from the schema that the server itself tells, and
hypothesis makes bodies that are nearly right, or not at all.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from graphql import IntValueNode, StringValueNode, get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server.api_client import Site
from server.held import RUN
from server.making import journal_of

from holdfast.ids import RunPath

_STREAM = f"/files/{'/'.join(RUN)}/file_stream"
_OTHER = RUN._replace(run_id="other")
_BEGIN = (
    "mutation ($name: String, $project: String, $entity: String) {"
    " upsertBucket(input: {name: $name, modelName: $project, entityName: $entity})"
    " { bucket { id } } }"
)
_fuzzed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a run that is sent live, and another that nobody may touch."""
    with Site(tmp_path_factory.mktemp("site")) as made:
        made.sync(journal_of([{"loss": 1.0}]), _OTHER)
        ask(made, _BEGIN, name=RUN.run_id, project=RUN.project, entity=RUN.entity)
        yield made


def ask(site: Site, document: object, **variables: object) -> Any:
    body = {"query": document, "variables": variables}
    return checked(site.ask("POST", "/graphql", json=body))


def checked(answer: Any) -> Any:
    """The body of an answer that is none of a defect."""
    assert answer.status_code < 500, answer.text
    said = answer.json()
    assert "traceback" not in answer.text, answer.text
    if answer.status_code != 200:
        assert said["error"]
        assert "\n" not in said["error"]
    return said


def whole(site: Site, run: RunPath) -> tuple[Any, Any]:
    rows = site.get(f"/api/v1/runs/{'/'.join(run)}/history").text
    return rows, site.held.bytes_of(journal_of([{"loss": 1.0}]).journal, run)


# documents


def _text_node(text: str) -> StringValueNode:
    return StringValueNode(value=text)


_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Int64": st.integers(-(2**63), 2**64).map(lambda number: IntValueNode(value=str(number))),
    "DateTime": st.sampled_from(["2026-11-21T10:00:00", "", "yesterday"]).map(_text_node),
    "Duration": st.integers().map(lambda number: IntValueNode(value=str(number))),
    "JSON": st.sampled_from(['{"a": 1}', "[", "null", '{"value": NaN}']).map(_text_node),
    "JSONString": st.sampled_from(['{"a": {"value": 1}}', "[]", "{", ""]).map(_text_node),
}


def test_documents_made_from_the_schema(site: Site) -> None:
    before = whole(site, _OTHER)
    for name, strategy in _SCALARS.items():
        schemathesis.graphql.scalar(name, strategy)
    told = schemathesis.graphql.from_dict(ask(site, get_introspection_query())["data"])
    operations = [one.ok() for one in told.get_all_operations()]

    @_fuzzed
    @given(case=st.one_of([one.as_strategy() for one in operations]))
    def sent(case: Any) -> None:
        checked(site.ask("POST", "/graphql", json={"query": case.body}))

    sent()
    assert whole(site, _OTHER) == before


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["..", "../../x", "\0", "$regex", "$or", "config.lr.value", "1e999"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@_fuzzed
@given(text=st.text(alphabet='{}()[]:$!@."\\ \n#abqm1é\0', max_size=80))
def test_documents_that_are_none(site: Site, text: str) -> None:
    ask(site, text)


@_fuzzed
@given(body=st.one_of(_JSON, st.fixed_dictionaries({"query": _JSON, "variables": _JSON})))
def test_questions_that_are_none(site: Site, body: object) -> None:
    checked(site.ask("POST", "/graphql", content=json.dumps(body).encode()))


@pytest.mark.parametrize(
    "document",
    [
        "{ viewer " + "{ entity " * 5000 + "}" * 5001,
        "{" + " ".join(f"a{n}: viewer {{ id }}" for n in range(3000)) + "}",
        "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
        "{" * 90_000,
        "query ($a: [[[[[[[[[[[Int]]]]]]]]]]]) { viewer { id } }",
        '{ viewer { id } } # "' + "x" * 200_000,
    ],
)
def test_documents_made_to_be_slow(site: Site, document: str) -> None:
    assert ask(site, document)["errors"]


_WORDS = (
    *("$and", "$or", "$nor", "$not", "$in", "$nin", "$gt", "$regex", "$options", "$exists"),
    *("$type", "$all", "$size", "$elemMatch", "$mod", "$contains", "state"),
    *("config.lr", "summary_metrics.loss", "tags", "display_name", "created_at"),
)
_FILTERS = st.recursive(
    _JSON,
    lambda inner: st.dictionaries(
        st.sampled_from(_WORDS), inner | st.lists(inner, max_size=3), max_size=3
    ),
    max_leaves=8,
)


@_fuzzed
@given(filters=_FILTERS, order=st.text(max_size=12) | st.sampled_from(["-config.lr", "+", ",-"]))
def test_filters(site: Site, filters: object, order: str) -> None:
    document = """query ($project: String, $entity: String, $filters: JSONString, $order: String) {
        project(name: $project, entityName: $entity) {
            runs(filters: $filters, order: $order, first: 5) { edges { node { name } } } } }"""
    names = {"project": RUN.project, "entity": RUN.entity}
    ask(site, document, **names, filters=json.dumps(filters), order=order)


# streams

_OFFSETS = st.one_of(
    st.integers(-5, 50), st.integers(), st.floats(), st.text(max_size=3), st.none(), st.booleans()
)
_TOKENS = (
    *("1", "-0.5", "NaN", "Infinity", "-Infinity", '"text"', "null", "1e999", "9" * 400, "{}"),
    *('{"a": {"b": 1}}', "[1, 2]", "1.0000000000000000000001", "tru", "", "0x1", "-"),
)
_VALUES = st.sampled_from(_TOKENS)
_KEYS = st.sampled_from(["loss", "_step", "_timestamp", "_runtime", "a.b", "", "é", "\\u0000"])
_LINES = st.one_of(
    st.lists(st.tuples(_KEYS, _VALUES), max_size=5).map(
        lambda pairs: "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"
    ),
    st.text(max_size=20),
    _JSON,
)
_NAMES = st.sampled_from(
    (
        *("wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"),
        *("../../etc/passwd", "/etc/passwd", "wandb-history.jsonl/../x", ".."),
    )
)
_BODIES = st.fixed_dictionaries(
    {},
    optional={
        "files": st.dictionaries(
            _NAMES,
            st.fixed_dictionaries(
                {}, optional={"offset": _OFFSETS, "content": st.lists(_LINES, max_size=6)}
            )
            | _JSON,
            max_size=4,
        )
        | _JSON,
        "uploaded": st.lists(_NAMES, max_size=3) | _JSON,
        "complete": st.booleans() | _JSON,
        "exitcode": st.integers() | _JSON,
        "preempting": st.booleans() | _JSON,
        "dropped": _JSON,
    },
)


@_fuzzed
@given(body=_BODIES)
def test_bodies_of_streams(site: Site, body: object) -> None:
    before = whole(site, _OTHER)
    text = json.dumps(body)
    first = checked(site.ask("POST", _STREAM, content=text.encode("utf-8", "surrogatepass")))
    again = checked(site.ask("POST", _STREAM, content=text.encode("utf-8", "surrogatepass")))
    assert ("stopped" in first) == ("stopped" in again), "what was taken once is taken again"
    assert whole(site, _OTHER) == before
    # Whatever was taken can be read back.
    assert site.get(f"/api/v1/runs/{'/'.join(RUN)}/history").status_code == 200
    assert site.get(f"/api/v1/runs/{'/'.join(RUN)}").status_code == 200


@_fuzzed
@given(body=st.binary(max_size=60), encoding=st.sampled_from(["", "gzip", "deflate", "br", "x"]))
def test_bodies_that_are_none(site: Site, body: bytes, encoding: str) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    checked(site.ask("POST", _STREAM, content=body, headers=headers))


def test_a_small_body_that_unpacks_to_a_huge_one(site: Site) -> None:
    bomb = gzip.compress(b" " * (1 << 30), 9)
    answer = site.ask("POST", _STREAM, content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413, answer.text
    checked(answer)


@pytest.mark.parametrize("line", ['{"a": ' * 100_000, "[" * 100_000, '{"a": "' + "x" * 10_000_000])
def test_lines_made_to_be_slow(site: Site, line: str) -> None:
    body = {"files": {"wandb-history.jsonl": {"offset": 0, "content": [line]}}}
    assert site.ask("POST", _STREAM, json=body).status_code == 400


# who, and where


@pytest.mark.parametrize(
    "path",
    [
        f"/files/{RUN.entity}/{RUN.project}/..%2f..%2fx/file_stream",
        f"/files/{RUN.entity}/..%2fx/{RUN.run_id}/file_stream",
        f"/files/{RUN.entity}/{RUN.project}/a%00b/file_stream",
        f"/files/{RUN.entity}/{RUN.project}/{'x' * 5000}/file_stream",
    ],
)
def test_names_that_leave_the_run(site: Site, path: str) -> None:
    answer = site.ask("POST", path, json={})
    assert 400 <= answer.status_code < 500, answer.text


def test_files_that_leave_the_run(site: Site) -> None:
    document = """mutation (
            $files: [String!]!, $entity: String!, $project: String!, $run: String!) {
        createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run,
            files: $files}) { files { name uploadUrl } } }"""
    names = {"entity": RUN.entity, "project": RUN.project, "run": RUN.run_id}
    for path in ("../x", "/etc/passwd", "a/../../x", "a\0b", "", "x" * 5000, "a//b/../.."):
        body = {"query": document, "variables": {**names, "files": [path]}}
        assert site.ask("POST", "/graphql", json=body).status_code == 400, path


def test_the_key_of_another_user(site: Site) -> None:
    other = site.users.add("stranger")
    before = whole(site, _OTHER)
    sent = site.ask("POST", _STREAM, json={"complete": True, "exitcode": 1}, key=other)
    assert sent.status_code == 403
    names = {"name": RUN.run_id, "project": RUN.project, "entity": RUN.entity}
    body = {"query": _BEGIN, "variables": names}
    answer = site.ask("POST", "/graphql", json=body, key=other)
    assert answer.status_code == 403
    assert checked(answer)["errors"]
    for wrong in ("", "x" * 40, "local-" + "0" * 40, "\u00e9" * 40):
        headers = {"Authorization": f"Bearer {wrong}".encode()}
        for path in ("/graphql", _STREAM):
            answer = site.ask("POST", path, json=body, key=None, headers=headers)
            assert answer.status_code == 401, answer.text
    assert whole(site, _OTHER) == before


def test_nothing_is_written_outside(site: Site, tmp_path: Path) -> None:
    """After all of the above: the data folder holds what it always does, its parent nothing new."""
    root = Path(site.settings.data)
    assert {path.name for path in root.parent.iterdir()} <= {"data", "web"}
    kinds = {path.name for path in (root / "blobs").iterdir() if path.is_dir()}
    assert kinds <= {"journals", "segments", "packs", "files", "uploads"}
