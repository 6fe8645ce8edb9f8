"""A wandb client of a few lines, without a socket: what is sent is in the test, line by line.

client = Client(site, "r1")
client.upsert(displayName="first")
client.take(posted(history=(0, [row(0, loss=1)])))
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from server.api_client import Site

from holdfast.ids import RunPath

__all__ = ["Client", "posted", "row"]

_UPSERT = """
mutation Upsert($input: UpsertBucketInput!) {
  upsertBucket(input: $input) {
    inserted
    bucket { id name displayName historyLineCount config summaryMetrics tags notes state }
  }
}"""
_RESUME = """
query Resume($project: String, $name: String!) {
  model(name: $project) {
    bucket(name: $name, missingOk: true) { historyLineCount eventsLineCount logLineCount }
  }
}"""
_TIMES = frozenset({"_timestamp", "_runtime"})


class Client:
    """Speaks to a site about one run."""

    def __init__(self, site: Site, run_id: str = "r1") -> None:
        self.site = site
        self.path = RunPath("team", "digits", run_id)

    def graphql(self, query: str, status: int = 200, /, **variables: Any) -> dict[str, Any]:
        """The whole body of an answer that has this status."""
        said = {"query": query, "variables": variables, "operationName": ""}
        answer = self.site.ask("POST", "/graphql", json=said)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def mutate(self, name: str, wanted: str, /, **given: Any) -> dict[str, Any]:
        """The payload of a mutation, whose input is named as W&B names it."""
        kind = f"{name[0].upper()}{name[1:]}Input!"
        query = f"mutation M($input: {kind}) {{ {name}(input: $input) {{ {wanted} }} }}"
        body = self.graphql(query, input=given)
        assert "errors" not in body, body
        payload: dict[str, Any] = body["data"][name]
        return payload

    def upsert(self, **said: Any) -> dict[str, Any]:
        """Begin or change the run; the payload."""
        named = {"name": self.path.run_id, "modelName": self.path.project}
        whole = said if "id" in said else {**named, **said}
        body = self.graphql(_UPSERT, input=whole)
        assert "errors" not in body, body
        payload: dict[str, Any] = body["data"]["upsertBucket"]
        return payload

    def counts(self) -> tuple[int, int, int]:
        """Lines of history, events and output, as a client that resumes is told."""
        body = self.graphql(_RESUME, project=self.path.project, name=self.path.run_id)
        bucket = body["data"]["model"]["bucket"]
        return bucket["historyLineCount"], bucket["eventsLineCount"], bucket["logLineCount"]

    def post(self, body: Any, *, zipped: bool = False, client: str = "") -> Any:
        """Post to file_stream an object, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"X-Wandb-Async-Client-Id": client} if client else {}
        if zipped:
            data, headers["Content-Encoding"] = gzip.compress(data), "gzip"
        where = "/".join(("/files", *self.path, "file_stream"))
        return self.site.ask("POST", where, content=data, headers=headers)

    def take(self, body: Any, **how: Any) -> Any:
        """Post what must be taken; the answer."""
        answer = self.post(body, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def run(self) -> dict[str, Any]:
        """The run as our own clients read it."""
        answer = self.site.get("/".join(("/api/v1/runs", *self.path)))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def rows(self, *, latest: bool = True) -> list[dict[str, Any]]:
        """The history without what tells times."""
        rows = self.site.held.rows(self.path, latest=latest)
        return [{k: v for k, v in one.values.items() if k not in _TIMES} for one in rows]

    def console(self) -> list[tuple[str, str]]:
        """Stream and text of each line."""
        answer = self.site.get("/".join(("/api/v1/runs", *self.path, "console?limit=10000")))
        return [(line["stream"], line["text"]) for line in answer.json()["lines"]]

    def samples(self) -> list[dict[str, Any]]:
        """System metrics."""
        return self.site.queries.samples(self.path)

    def journals(self) -> int:
        """How many journals the run has."""
        return len(self.run()["journals"])


def row(step: int, stamp: float = 1.6e9, **values: Any) -> str:
    """A line of history, logged ``step`` seconds after ``stamp``."""
    return json.dumps({**values, "_step": step, "_timestamp": stamp + step, "_runtime": step})


def posted(**streams: Any) -> dict[str, Any]:
    """A body: ``history=(offset, lines)`` and so on; other words stand as they are."""
    names = {
        "history": "wandb-history.jsonl",
        "events": "wandb-events.jsonl",
        "summary": "wandb-summary.json",
        "output": "output.log",
    }
    files = {
        names[word]: {"offset": said[0], "content": said[1]}
        for word, said in streams.items()
        if word in names
    }
    return {**{w: s for w, s in streams.items() if w not in names}, "files": files}
