"""Real answers have exactly the shapes that the OpenAPI document gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter
from server.api_client import Site, journal_path
from server.making import START, journal_of

from holdfast.records import encode
from holdfast.records.definitions import MetricDef
from holdfast.server.api import shapes
from holdfast.wire import digest_of, make_pack

RUN = "/api/v1/runs/team/digits/r1"
PROJECT = "/api/v1/projects/team/digits"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A run with something of everything."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        made = journal_of(
            [{"a": 1.0, "note": "text"}, {"a": float("nan")}],
            config={"lr": 0.1, "opt": {"name": "adam"}},
            name="name",
            tags=("one", "two"),
            after=[
                encode.stats({"cpu": 1.0}, START),
                encode.output("stdout", "line\n", START),
                encode.metric(MetricDef("a", summary=("min",))),
            ],
        )
        site.sync(made)
        entry = {"path": "a.txt", "size": 1, "digest": digest_of(b"x")}
        pack = make_pack({"files": [entry]}, [(digest_of(b"x"), b"x")])
        named = site.ask("POST", f"{journal_path(made)}/files", content=pack)
        assert named.status_code == 200
        yield site


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/viewer", shapes.Viewer),
        ("/api/v1/projects", shapes.Projects),
        (f"{PROJECT}/runs?columns=*", shapes.RunPage),
        (f"{PROJECT}/runs?columns=config.lr", shapes.RunPage),
        (f"{PROJECT}/keys", shapes.Keys),
        (f"{PROJECT}/changes?since=0", shapes.Changes),
        (RUN, shapes.RunWhole),
        (f"{RUN}/history/sampled", shapes.Rows),
        (f"{RUN}/console", shapes.Console),
        (f"{RUN}/files", shapes.Files),
    ],
)
def test_answers(site: Site, path: str, shape: type[Any]) -> None:
    _check(site.get(path).json(), shape)


def test_lines(site: Site) -> None:
    body = {"runs": ["r1"], "keys": ["a"]}
    answer = site.ask("POST", f"{PROJECT}/lines", json=body).json()
    assert answer["lines"][0]["marks"]
    _check(answer, shapes.Lines)


def test_an_edit(site: Site) -> None:
    answer = site.ask("POST", f"{RUN}/edit", json={"job_type": "eval", "replace_tags": {}})
    _check(answer.json(), shapes.Labels)


def test_sessions(site: Site) -> None:
    answer = site.ask("POST", "/api/v1/session", json={"key": site.key}, key=None)
    _check(answer.json(), shapes.Session)


def _check(value: Any, shape: type[Any]) -> None:
    """Every field is there, of its type, and no other."""
    read = TypeAdapter(shape).validate_json(json.dumps(value), strict=True, extra="forbid")
    assert TypeAdapter(shape).dump_python(read, mode="json") == value
