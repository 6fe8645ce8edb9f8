"""A server that is away, and a stop that comes from it."""

from __future__ import annotations

import base64
import json
import time
import urllib.request
from typing import Any

from conformance.cell import Cell
from conformance.scenarios.scenario import Scenario
from conformance.verdicts import MismatchError

__all__ = ["SCENARIOS"]

_LATE_S = 8.0
_PAUSE_S = 0.2
_ID_OF_RUN = """query($e: String!, $p: String!, $r: String!) {
    project(name: $p, entityName: $e) { run(name: $r) { id } }
}"""


def _late(cell: Cell) -> None:
    """The server comes after the client has begun."""
    cell.server.stop()
    process = cell.begin("steps", rows=20)
    time.sleep(_LATE_S)
    if process.ended:
        raise MismatchError(f"the client gave up at once:\n{process.tail()}")
    cell.server.start()
    process.succeed(240)
    cell.check(cell.told(process))


def _away(cell: Cell) -> None:
    """The server is killed in the middle of a run and comes back before the run ends."""
    outage = cell.lengths.outage_s
    rows = int((outage + 15) / _PAUSE_S)
    process = cell.begin("steps", rows=rows, pause_s=_PAUSE_S, how={"id": "away"})
    cell.until(lambda: process.ended or cell.rows("away") > 0, "some rows have arrived")
    cell.server.kill()
    time.sleep(outage)
    cell.server.start()
    process.succeed(outage + 240)
    cell.check(cell.told(process))


def _stop(cell: Cell) -> None:
    """A run that is asked to stop gets an interrupt."""
    process = cell.begin("wait", rows=3, wait_s=600, how={"id": "stopped"})
    cell.until(lambda: process.ended or cell.rows("stopped") == 3, "three rows have arrived")
    entity = cell.server.api().default_entity
    found = _graphql(cell, _ID_OF_RUN, e=entity, p=cell.project, r="stopped")
    run = found["project"]["run"]["id"]
    said = _graphql(cell, "mutation($id: ID!) { stopRun(input: {id: $id}) { success } }", id=run)
    if not said["stopRun"]["success"]:
        raise MismatchError(f"stopRun answered {said}")
    if process.wait(90) == 0 or "interrupted" not in process.said:
        raise MismatchError(f"the script was not interrupted:\n{process.tail()}")


def _graphql(cell: Cell, query: str, **variables: str) -> Any:
    basic = base64.b64encode(f"api:{cell.server.key}".encode()).decode()
    request = urllib.request.Request(
        f"{cell.server.url}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        said = json.load(answer)
    if said.get("errors"):
        raise MismatchError(f"the gateway answered {said['errors']}")
    return said["data"]


SCENARIOS = (
    Scenario("stop", "a stop asked for on the server", _stop),
    Scenario("late", "server away at the start", _late, own_server=True),
    Scenario("away", "server away in the middle for 60 s", _away, own_server=True),
)
