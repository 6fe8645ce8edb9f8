"""A server killed and started again in the middle of a run: each line is held once."""

from __future__ import annotations

import base64
import json
import urllib.request
from pathlib import Path
from typing import Any

from processes import Server
from server.gateway.telling import posted, row

_BEGIN = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }"


def send(server: Server, path: str, body: Any) -> Any:
    pair = base64.b64encode(f"api:{server.key}".encode()).decode()
    request = urllib.request.Request(
        server.url + path, json.dumps(body).encode(), {"Authorization": f"Basic {pair}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_server_is_killed_between_any_two_posts(tmp_path: Path) -> None:
    stream = "/files/local/digits/r1/file_stream"
    rows = [row(step, loss=step) for step in range(40)]
    with Server(tmp_path) as server:
        begin = {"query": _BEGIN, "variables": {"i": {"name": "r1", "modelName": "digits"}}}
        assert "errors" not in send(server, "/graphql", begin)
        for start in range(0, 40, 10):
            body = posted(
                history=(start, rows[start : start + 10]), output=(start // 10, [f"line {start}"])
            )
            send(server, stream, body)
            server.kill()
            server.start()
            send(server, stream, body)  # the client does not know that it was taken
        send(server, stream, {"complete": True, "exitcode": 0})
        run = server.api().run("local/digits/r1")
        assert [one["loss"] for one in run.scan_history()] == list(range(40))
        assert run.state == "finished"
