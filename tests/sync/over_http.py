"""The memory server behind real sockets: answers for `wire.fault_server.FaultServer`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sync.memory_server import MemoryServer
from wire.fault_server import Request, http

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.wire import (
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    decompress,
    digest_of,
    error_body,
    headers,
    parse_pack,
)

_JOURNAL = re.compile(r"/api/v1/runs/([^/]+)/([^/]+)/([^/]+)/journals/([^/]+)(/.*)?")
_EDIT = re.compile(r"/api/v1/runs/([^/]+)/([^/]+)/([^/]+)/edit")
_READMIT = re.compile(r"/api/v1/runs/([^/]+)/([^/]+)/([^/]+)/readmit")
_BLOB = re.compile(r"/api/v1/blobs/([^/]+)(?:/(.+))?")


class OverHttp:
    """``FaultServer(OverHttp(memory))`` is a Holdfast server for the write side.

    Args:
        memory: where everything is kept.
        key: the only key that is let in.
        fault: looked at after the server acted; bytes are sent instead of the answer.
    """

    def __init__(
        self,
        memory: MemoryServer,
        *,
        key: str = "key",
        fault: Callable[[Request], bytes | None] = lambda request: None,
    ) -> None:
        self.memory = memory
        self.key = key
        self.fault = fault

    def __call__(self, request: Request) -> bytes:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return http(401, error_body("unauthorized", "unknown key", "log in"))
        try:
            answer = http(200, self._act(request))
        except RefusedError as error:
            body = error_body(error.code, error.what, error.do, **error.detail)
            answer = http(error.status, body)
        return self.fault(request) or answer

    def _act(self, request: Request) -> Any:
        parts = urlsplit(request.target)
        query = {name: int(values[0]) for name, values in parse_qs(parts.query).items()}
        if parts.path == "/api/v1/viewer":
            return self.memory.viewer().to_json()
        if parts.path == "/api/v1/receipts":
            given = Given.list_from_json(json.loads(request.body))
            return {"lapsed": self.memory.lapsed(given)}
        if found := _EDIT.fullmatch(parts.path):
            run = RunPath(*(unquote(name) for name in found.groups()))
            self.memory.edit(run, Edit.from_json(json.loads(request.body)))
            return {"job_type": "", "tags": []}
        if found := _READMIT.fullmatch(parts.path):
            self.memory.readmit(RunPath(*(unquote(name) for name in found.groups())))
            return {"deleted": False}
        if found := _JOURNAL.fullmatch(parts.path):
            entity, project, run_id, journal, what = found.groups()
            names = (unquote(name) for name in (entity, project, run_id))
            return self._journal(request, JournalPath(RunPath(*names), journal), what, query)
        found = _BLOB.fullmatch(parts.path)
        assert found, request.target
        entity, digest = unquote(found[1]), unquote(found[2] or "")
        if request.method == "GET":
            return self.memory.upload_state(entity, digest).to_json()
        return self.memory.send_part(
            entity, digest, query["offset"], query["size"], request.body
        ).to_json()

    def _journal(
        self, request: Request, of: JournalPath, what: str | None, query: dict[str, int]
    ) -> Any:
        if what is None:
            return {"position": self.memory.position(of)}
        if what == "/chunks":
            data = request.body
            if request.headers.get(headers.ENCODING.lower()) == "deflate":
                data = decompress(data, 64 << 20)
            assert request.headers[headers.DIGEST.lower()] == digest_of(data)
            writer = request.headers[headers.WRITER.lower()]
            return self.memory.send_chunk(of, query["start"], data, writer).to_json()
        if what == "/files":
            said, blobs = parse_pack(request.body)
            files = FileEntry.list_from_json(said)
            return {"missing": self.memory.name_files(of, files, blobs)}
        assert what == "/receipt"
        return self.memory.receipt(of, Claim.from_json(json.loads(request.body))).to_json()
