"""A server that takes runs from the real `wandb sync` and keeps them in memory.

It answers as much of W&B's protocol as the upload of scalars needs (UpsertBucket, CreateRunFiles,
the file stream, PUT of files) and does nothing with what it gets, so that the time measured is the
client's. `python -m bench.sink` listens on a free port of this machine, prints its address, and
stops with its standard input.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["API_KEY", "ENTITY", "Sink", "main"]

ENTITY = "bench"
API_KEY = "0123456789abcdef0123456789abcdef01234567"  # 40 characters, as old clients insist

_STREAM = re.compile(r"/files/[^/]+/[^/]+/([^/]+)/file_stream")


class Sink(ThreadingHTTPServer):
    """Takes runs; ``held()`` says what arrived."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self._lock = threading.Lock()
        self._streams: list[tuple[str, bytes]] = []
        self._put_bytes = 0

    def take_stream(self, run: str, body: bytes) -> None:
        """Keep one request of a run's file stream, unread."""
        with self._lock:
            self._streams.append((run, body))

    def take_file(self, size: int) -> None:
        """Count the bytes of an uploaded file."""
        with self._lock:
            self._put_bytes += size

    def held(self) -> dict[str, int]:
        """Runs that are complete, and history rows by line number, so that none counts twice."""
        lines: set[tuple[str, int]] = set()
        complete: set[str] = set()
        for run, body in self._streams:
            message = json.loads(body)
            history = (message.get("files") or {}).get("wandb-history.jsonl", {})
            first = history.get("offset", 0)
            lines.update((run, first + i) for i in range(len(history.get("content", ()))))
            if message.get("complete"):
                complete.add(run)
        return {"runs": len(complete), "rows": len(lines), "file_bytes": self._put_bytes}


class _Handler(BaseHTTPRequestHandler):
    server: Sink
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # status, headers and body leave in one write

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stream = _STREAM.fullmatch(self.path)
        if stream:
            self.server.take_stream(stream[1], body)
            self._answer({})
        else:
            self._answer(self._graphql(json.loads(body)))

    def do_PUT(self) -> None:
        self.server.take_file(len(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer({})

    def do_GET(self) -> None:
        self._answer(self.server.held())

    def _graphql(self, request: dict[str, Any]) -> dict[str, Any]:
        query = request["query"]
        variables = request.get("variables") or {}
        if "upsertBucket" in query:
            return {"data": {"upsertBucket": {"bucket": _bucket(variables), "inserted": True}}}
        if "createRunFiles" in query:
            return {"data": {"createRunFiles": self._upload_addresses(variables)}}
        if "viewer" in query:
            return {"data": {"viewer": _viewer()}}
        # Clients take this as: the server cannot do that, go on without.
        return {"errors": [{"message": "not in this sink"}]}

    def _upload_addresses(self, variables: dict[str, Any]) -> dict[str, Any]:
        run = variables["run"]
        files = [
            {"name": name, "uploadUrl": f"{self.server.address}/put/{run}/{number}"}
            for number, name in enumerate(variables["files"])
        ]
        return {"runID": run, "uploadHeaders": [], "files": files}

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: a line a request would be measured too."""


def _bucket(variables: dict[str, Any]) -> dict[str, Any]:
    name = variables.get("name") or "unnamed"
    project = variables.get("project") or "uncategorized"
    return {
        "id": name,
        "name": name,
        "displayName": variables.get("displayName") or name,
        "description": "",
        "config": "{}",
        "sweepName": None,
        "historyLineCount": 0,
        "project": {"id": project, "name": project, "entity": {"id": ENTITY, "name": ENTITY}},
    }


def _viewer() -> dict[str, Any]:
    return {
        "id": ENTITY,
        "entity": ENTITY,
        "username": ENTITY,
        "email": "",
        "flags": "{}",
        "teams": {"edges": []},
    }


def main() -> None:
    """Serve until standard input ends: the death of the process that started this ends it too."""
    sink = Sink()
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    print(sink.address, flush=True)
    sys.stdin.read()
    sink.shutdown()
    sink.server_close()


if __name__ == "__main__":
    main()
