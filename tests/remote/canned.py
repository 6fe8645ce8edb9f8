"""A read side with canned answers behind real sockets, for faults that a real server has not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from wire.fault_server import Request, http

from holdfast.wire import digest_of, error_body

VIEWER = {
    "server": "holdfast",
    "version": "0",
    "api": 1,
    "user": "ann",
    "entity": "ann",
    "limits": {"chunk_bytes": 1, "part_bytes": 1},
    "disk": None,
    "relay_for": "",
}


def row(number: int, **said: Any) -> dict[str, Any]:
    return {
        "entity": "ann",
        "project": "digits",
        "run_id": f"r{number}",
        "name": f"run {number}",
        "state": "finished" if number % 2 else "crashed",
        "proof": "confirmed",
        "created_at": 1_800_000_000.0,
        "started_at": 1_790_000_000.0 + number if number else None,
        "heard_at": 1.0,
        "duration": 2.0,
        "group": None,
        "job_type": "train",
        "tags": ["even"] if number % 2 == 0 else ["odd", "best"],
        "notes": None,
        "rows": 3,
        "last_step": None if number == 0 else number,
        "config": {"lr": number / 10, "model": {"depth": number}, "a.b": number},
        "summary": {"loss": {"$float": "NaN"} if number == 0 else 1 / number},
        **said,
    }


FILE = bytes(range(256)) * 2000


class Canned:
    """Answers for `FaultServer`; ``fault(request)`` may answer instead."""

    def __init__(self, runs: int = 7) -> None:
        self.runs = [row(number) for number in range(runs)]
        self.rows: list[Any] = [{"_step": i, "loss": i / 3} for i in range(2000)]
        self.file = FILE
        self.digest = digest_of(FILE)
        self.path = "media/a b.bin"
        self.fault: Callable[[Request], bytes | None] = lambda request: None

    def __call__(self, request: Request) -> bytes:
        assert request.method == "GET"
        return self.fault(request) or self._answer(request)

    def _answer(self, request: Request) -> bytes:
        parts = urlsplit(request.target)
        path = unquote(parts.path).removeprefix("/api/v1/")
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        known: dict[str, Callable[[], Any]] = {
            "viewer": lambda: VIEWER,
            "projects": lambda: {
                "projects": [
                    {"entity": "ann", "project": "digits", "runs": 7, "created_at": 0.0},
                    {"entity": "bob", "project": "other", "runs": 1, "created_at": 0.0},
                ]
            },
            "projects/ann/digits/runs": lambda: self._page(query),
            "runs/ann/digits/r1": lambda: {
                **self.runs[1],
                "metadata": {"host": "h"},
                "exit_code": 0,
            },
            "runs/ann/digits/r1/history/sampled": lambda: {"rows": self.rows[:3]},
            "runs/ann/digits/r1/files": lambda: {
                "files": [
                    {"path": self.path, "size": len(self.file), "digest": self.digest},
                    {"path": "output.log", "size": 0, "digest": digest_of(b"")},
                ]
            },
            "runs/ann/digits/r1/console": lambda: self._console(query),
        }
        if path in known:
            return http(200, known[path]())
        if path == "runs/ann/digits/r1/history":
            lines = [json.dumps(one).encode() + b"\n" for one in self.rows]
            return http(200, b"".join(lines), kind="application/x-ndjson")
        if path == f"runs/ann/digits/r1/files/{self.path}":
            return http(200, self.file, kind="application/octet-stream")
        return http(404, error_body("not_found", f"no {path}", "look at the list"))

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        start, limit = int(query.get("after", 0)), int(query["limit"])
        end = start + limit
        more = str(end) if end < len(self.runs) else None
        return {"runs": self.runs[start:end], "next": more, "total": len(self.runs)}

    def _console(self, query: dict[str, str]) -> dict[str, Any]:
        lines = [
            {"number": n, "stream": "stdout", "label": "", "timestamp": 1.0, "text": f"line {n}"}
            for n in range(2500)
        ]
        start, limit = int(query["after"]), int(query["limit"])
        end = start + limit
        more = end - 1 if end < len(lines) else None
        return {"lines": lines[start:end], "next": more, "total": len(lines)}
