"""Stopping a run from the browser: asked for here, heard of by whoever sends the run live."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server.api_client import Site
from server.held import RUN
from server.making import journal_of

_PATH = f"/api/v1/runs/{'/'.join(RUN)}"
_BEGIN = (
    "mutation ($name: String, $project: String, $entity: String) {"
    " upsertBucket(input: {name: $name, modelName: $project, entityName: $entity})"
    " { bucket { id } } }"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def begin(site: Site) -> None:
    names = {"name": RUN.run_id, "project": RUN.project, "entity": RUN.entity}
    asked = site.ask("POST", "/graphql", json={"query": _BEGIN, "variables": names})
    assert "errors" not in asked.json(), asked.text


def send(site: Site, **body: object) -> bool:
    path = f"/files/{'/'.join(RUN)}/file_stream"
    answer = site.ask("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["stopped"])


def test_a_live_run_hears_that_it_shall_stop(site: Site) -> None:
    begin(site)
    assert send(site) is False
    assert site.get(_PATH).json()["stop"] == "possible"
    assert site.ask("POST", f"{_PATH}/stop").json() == {"stop": "requested"}
    assert site.get(_PATH).json()["stop"] == "requested"
    assert send(site) is True
    send(site, complete=True, exitcode=255)
    assert site.get(_PATH).json()["stop"] == "no"


def test_a_session_that_begins_later_was_not_asked(site: Site) -> None:
    begin(site)
    site.ask("POST", f"{_PATH}/stop")
    send(site, complete=True, exitcode=1)
    begin(site)
    assert send(site) is False
    row = json.dumps({"loss": 1, "_step": 0, "_timestamp": time.time()})
    assert send(site, files={"wandb-history.jsonl": {"offset": 0, "content": [row]}}) is False
    assert site.get(_PATH).json()["stop"] == "possible"


@pytest.mark.parametrize("writer", ["alive", "gone"])
def test_nobody_listens_in_a_run_that_was_synced(site: Site, writer: str) -> None:
    site.sync(journal_of([{"loss": 1}], exit_code=None), writer=writer)
    assert site.get(_PATH).json()["stop"] == "no"
    refused = site.ask("POST", f"{_PATH}/stop")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "invalid")


def test_who_may_stop(site: Site) -> None:
    begin(site)
    other = site.users.add("other")
    assert site.ask("POST", f"{_PATH}/stop", key=other).status_code == 403
    assert site.ask("POST", f"{_PATH}/stop", key=None).status_code == 401
    assert site.ask("POST", f"{_PATH}x/stop").status_code == 404
