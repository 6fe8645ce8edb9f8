"""The sink answers what the real `wandb sync` asks, and counts what it was sent once."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from bench.sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _send(address: str, body: bytes, method: str = "POST") -> Any:
    request = urllib.request.Request(address, body, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def _ask(sink: Sink, query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables, "operationName": ""})
    return _send(f"{sink.address}/graphql", body.encode())


def test_a_run_is_made_with_the_names_that_were_asked_for(sink: Sink) -> None:
    answer = _ask(sink, "mutation { upsertBucket { bucket { id } } }", name="r1", project="p")
    bucket = answer["data"]["upsertBucket"]["bucket"]
    assert (bucket["name"], bucket["project"]["name"]) == ("r1", "p")
    assert bucket["historyLineCount"] == 0


def test_rows_that_are_sent_twice_count_once(sink: Sink) -> None:
    stream = f"{sink.address}/files/bench/p/r1/file_stream"
    first = {"files": {"wandb-history.jsonl": {"offset": 0, "content": ["{}", "{}"]}}}
    again = {"files": {"wandb-history.jsonl": {"offset": 1, "content": ["{}", "{}"]}}}
    for message in (first, again, {"complete": True, "exitcode": 0}):
        _send(stream, json.dumps(message).encode())
    assert _send(sink.address, b"", "GET") == {"runs": 1, "rows": 3, "file_bytes": 0}


def test_files_go_to_an_address_of_the_sink(sink: Sink) -> None:
    answer = _ask(sink, "mutation { createRunFiles }", run="r1", files=["a.txt", "b.txt"])
    files = answer["data"]["createRunFiles"]["files"]
    assert [file["name"] for file in files] == ["a.txt", "b.txt"]
    for file in files:
        assert file["uploadUrl"].startswith(sink.address)
        _send(file["uploadUrl"], b"12345", "PUT")
    assert sink.held()["file_bytes"] == 10


def test_what_it_cannot_do_is_an_error_that_clients_pass_over(sink: Sink) -> None:
    assert "errors" in _ask(sink, "query { organization { name } }")
