"""What the gateway takes: many live clients at once post the lines of their histories.

The bodies are made before the clock starts, so that what is measured is the server's. Beside it
stands what the standard library needs to read the same lines and do nothing with them.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.children import ChildError, Served
from bench.figures import Samples
from bench.gateway import API_KEY, ENTITY, holdfast_server, rows_held
from bench.rows import rows
from bench.write import METRICS

__all__ = ["stream_rounds"]

_CLIENTS = 20
_PROJECT = "live"
_HISTORY = "wandb-history.jsonl"
_BATCH = 500
"""Rows a request: a client that logs all the time sends what gathered in some seconds."""


def stream_rounds(samples: Samples, folder: Path, rounds: int, steps: int) -> None:
    """Let twenty clients at once post ``steps`` rows each, in each round to a fresh server."""
    bodies = _bodies(steps)
    for _ in range(rounds):
        with holdfast_server(folder) as server:
            for number in range(_CLIENTS):
                _begin(server, number)
            begun, cpu = time.perf_counter(), server.cpu_s()
            peak = _post_all(server, bodies)
            wall, cpu = time.perf_counter() - begun, server.cpu_s() - cpu
            held = rows_held(server, _PROJECT)
        if held != (_CLIENTS, _CLIENTS * steps):
            raise ChildError(
                f"of {_CLIENTS} x {steps} rows, {held[0]} runs, {held[1]} rows arrived"
            )
        found = {"stream_rows_s": _CLIENTS * steps / wall, "stream_server_cpu_s": cpu}
        found["stream_json_rows_s"] = steps / _seconds_to_read(bodies)
        samples.add("holdfast", {**found, "stream_server_mb": peak / 1e6})


def _bodies(steps: int) -> list[bytes]:
    """The requests of one client."""
    lines = [
        json.dumps({**row, "_timestamp": 1.8e9 + step / 10, "_runtime": step / 10, "_step": step})
        for step, row in enumerate(rows(steps, METRICS))
    ]
    found = []
    for start in range(0, steps, _BATCH):
        history = {"offset": start, "content": lines[start : start + _BATCH]}
        found.append(json.dumps({"files": {_HISTORY: history}}).encode())
    return found


def _seconds_to_read(bodies: Sequence[bytes]) -> float:
    """How long `json.loads` takes for one client's bodies and each line in them."""
    begun = time.perf_counter()
    for body in bodies:
        for line in json.loads(body)["files"][_HISTORY]["content"]:
            json.loads(line)
    return time.perf_counter() - begun


def _post_all(server: Served, bodies: Sequence[bytes]) -> int:
    """Post as many clients at once; returns the most memory that the server held, in bytes."""
    failures: list[str] = []

    def post(number: int) -> None:
        address = urlsplit(server.address)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=300)
        for body in bodies:
            connection.request("POST", _stream(number), body, _headers())
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                failures.append(f"{answer.status}: {said[:200]!r}")
                return

    clients = [threading.Thread(target=post, args=(number,)) for number in range(_CLIENTS)]
    process, peak = psutil.Process(server.pid), 0
    for client in clients:
        client.start()
    for client in clients:
        while client.is_alive():
            peak = max(peak, process.memory_info().rss)
            client.join(0.05)
    if failures:
        raise ChildError(f"the gateway refused lines: {failures[0]}")
    return peak


def _begin(server: Served, number: int) -> None:
    question = {
        "query": "mutation ($name: String, $project: String, $entity: String) {"
        " upsertBucket(input: {name: $name, modelName: $project, entityName: $entity})"
        " { bucket { id } } }",
        "variables": {"name": f"client-{number}", "project": _PROJECT, "entity": ENTITY},
    }
    request = urllib.request.Request(
        f"{server.address}/graphql", json.dumps(question).encode(), _headers()
    )
    with urllib.request.urlopen(request) as answer:
        said = json.load(answer)
    if said.get("errors"):
        raise ChildError(f"the gateway begins no run: {said['errors'][0]['message']}")


def _stream(number: int) -> str:
    return f"/files/{ENTITY}/{_PROJECT}/client-{number}/file_stream"


def _headers() -> dict[str, str]:
    key = b64encode(f"api:{API_KEY}".encode()).decode()
    return {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
