"""Ten thousand runs of one project, page by page: each is there, none twice, in bounded memory."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from processes import Server
from server.api_client import Site
from server.gateway.asking import Graph
from server.making import START
from sqlalchemy import insert, select

from conformance.clients import NEWEST
from conformance.processes import surroundings
from holdfast.server.metastore import MetaStore, schema

RUNS = 10_000
MOST_GROWN = 256 * 2**20
"""Bytes that a server may grow by while it is asked for all of them."""

PAGE = """
query Runs($after: String, $first: Int, $filters: JSONString, $order: String) {
  project(name: "many", entityName: "team") {
    runCount(filters: $filters)
    runs(after: $after, first: $first, filters: $filters, order: $order) {
      edges { node { name displayName state config summaryMetrics tags createdAt } cursor }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""
SCRIPT = """
import json, sys, wandb
api = wandb.Api()
found = {
    "all": [[run.id, run.config["number"]] for run in api.runs("many", lazy=False)],
    "big pages": [run.id for run in api.runs("many", per_page=1000)],
    "some": [run.id for run in api.runs(
        "many", {"config.number": {"$gte": 9000}}, order="-summary_metrics.loss", per_page=300)],
    "count": len(api.runs("many")),
}
json.dump(found, sys.stdout)
"""


def fill(store: MetaStore, entity: str) -> None:
    """Put the rows of so many runs where ten thousand journals would have put them."""
    with store.write() as tx:
        made = {"entity": entity, "name": "many", "created_at": START}
        tx.execute(insert(schema.projects).values(made))
        (project,) = tx.execute(
            select(schema.projects.c.id).where(schema.projects.c.name == "many")
        ).one()
        tx.execute(insert(schema.runs), [row(project, number) for number in range(RUNS)])


def row(project: int, number: int) -> dict[str, Any]:
    return {
        "project_id": project,
        "run_id": run_id(number),
        "name": f"run {number}",
        "exit_code": 0,
        "created_at": START + number,
        "started_at": START + number,
        "heard_at": START + number,
        "tags": json.dumps(["all", f"tag{number % 10}"]),
        "config": json.dumps({"number": number, "nested": {"lr": 1 / (number + 1)}}),
        "summary": json.dumps({"loss": number / 7, "_step": 99}),
        "changed": number + 1,
    }


def run_id(number: int) -> str:
    return f"r{number:05}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        fill(site.held.store, "team")
        yield site


def pages(site: Site, first: int, **asked: Any) -> Iterator[list[dict[str, Any]]]:
    graph, after = Graph(site), None
    while True:
        runs = graph(PAGE, first=first, after=after, **asked)["project"]["runs"]
        yield [edge["node"] for edge in runs["edges"]]
        after = runs["pageInfo"]["endCursor"]
        if not runs["pageInfo"]["hasNextPage"]:
            return


def test_each_run_once_with_its_own_values(site: Site) -> None:
    found = [node for page in pages(site, 500, order="+created_at") for node in page]
    assert [node["name"] for node in found] == [run_id(number) for number in range(RUNS)]
    for number in range(0, RUNS, 997):
        assert json.loads(found[number]["config"])["number"] == {"value": number}
        assert json.loads(found[number]["summaryMetrics"])["loss"] == number / 7


def test_filtered_and_ordered(site: Site) -> None:
    asked = {"filters": json.dumps({"tags": "tag3"}), "order": "-summary_metrics.loss"}
    found = [node["name"] for page in pages(site, 50, **asked) for node in page]
    assert found == [run_id(number) for number in range(RUNS - 7, 0, -10)]


def test_runs_that_come_while_pages_are_read(site: Site) -> None:
    """The newest stand first, so each new run moves all others by one place."""
    found: list[str] = []
    with site.held.store.read() as tx:
        (project,) = tx.execute(select(schema.runs.c.project_id).limit(1)).one()
    for number, page in enumerate(pages(site, 1000, order="-created_at")):
        found += [node["name"] for node in page]
        with site.held.store.write() as tx:
            tx.execute(insert(schema.runs), [row(project, RUNS + number)])
        site.now += 10  # lists are kept for a moment
    assert found == [run_id(number) for number in range(RUNS - 1, -1, -1)]


def test_wandb_api(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        server.stop()
        store = MetaStore(f"sqlite:///{tmp_path / 'server/data/holdfast.db'}")
        fill(store, "local")
        store.close()
        server.start()
        before = psutil.Process(server.pid).memory_info().rss
        home = tmp_path / "home"
        home.mkdir()
        variables = {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": server.key}
        done = subprocess.run(
            [NEWEST.python(), "-c", SCRIPT],
            env={**surroundings(home, ""), **variables},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        grown = psutil.Process(server.pid).memory_info().rss - before
    assert told["all"] == [[run_id(number), number] for number in range(RUNS)]
    assert told["big pages"] == [run_id(number) for number in range(RUNS)]
    assert told["some"] == [run_id(number) for number in range(RUNS - 1, 8999, -1)]
    assert told["count"] == RUNS
    assert grown < MOST_GROWN
