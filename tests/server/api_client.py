"""The real application over real stores, without a socket: what the tests of query and api ask.

with Site(tmp_path) as site:
    site.sync(journal_of(rows))
    site.get("/api/v1/projects").json()
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx2 as httpx
from server.held import RUN, Held
from server.making import Made, claim_of

from holdfast.ids import RunPath
from holdfast.server.api import Authority, Metrics, Parts, make_api
from holdfast.server.gateway import Gateway
from holdfast.server.metastore.known import KnownUsers
from holdfast.server.metastore.users import Users
from holdfast.server.query import Queries
from holdfast.server.settings import Limits, ServerSettings
from holdfast.wire import JournalPath, compress, digest_of, paths

__all__ = ["Site", "journal_path"]


class Site:
    """A server with the user ``team``; requests carry the user's key unless told otherwise."""

    def __init__(
        self, root: Path, *, host: str = "127.0.0.1", limits: Limits | None = None
    ) -> None:
        self.now = time.time()
        self.held = Held(root / "data")
        self.users = Users(self.held.store)
        self.key = self.users.add("team")
        known = KnownUsers(self.users, lambda: self.now)
        self.authority = Authority(known, b"secret" * 6, lambda: self.now)
        self.queries = Queries(self.held.store, self.held.blobs, lambda: self.now)
        self.settings = ServerSettings(host=host, data=root / "data", limits=limits or Limits())
        self.web = root / "web"
        self.well = True
        parts = Parts(
            settings=self.settings,
            authority=self.authority,
            ingest=self.held.ingest,
            queries=self.queries,
            metrics=Metrics(self.queries.totals, self.settings.data),
            check=self.queries.totals,
            web=self.web,
        )
        gateway = Gateway(
            users=known,
            ingest=self.held.ingest,
            queries=self.queries,
            limits=self.settings.limits,
            secret=b"secret" * 6,
            clock=lambda: self.now,
        )
        self.app = make_api(parts, gateway.routes)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.held.close()

    def ask(self, method: str, path: str, *, key: str | None = "", **options: Any) -> Any:
        """One request; ``key`` is the user's own by default, None for none."""
        headers = dict(options.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = f"Bearer {key or self.key}"

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8080"
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> Any:
        """``GET``."""
        return self.ask("GET", path, **options)

    def lines(self, run: RunPath = RUN, **body: Any) -> list[dict[str, Any]]:
        """The lines of one run."""
        path = f"/api/v1/projects/{run.entity}/{run.project}/lines"
        answer = self.ask("POST", path, json={"runs": [run.run_id], **body})
        assert answer.status_code == 200, answer.text
        lines: list[dict[str, Any]] = answer.json()["lines"]
        return lines

    def chunk(
        self,
        made: Made,
        run: RunPath = RUN,
        *,
        start: int = 0,
        writer: str = "gone",
        **options: Any,
    ) -> Any:
        """Send a journal from ``start`` on as one chunk."""
        data = made.data[start:]
        headers = {
            "Holdfast-Digest": digest_of(data),
            "Holdfast-Writer": writer,
            "Content-Encoding": "deflate",
            **options.pop("headers", {}),
        }
        path = paths.chunks(JournalPath(run, made.journal), start)
        return self.ask("POST", path, content=compress(data), headers=headers, **options)

    def sync(self, made: Made, run: RunPath = RUN, *, writer: str = "gone") -> None:
        """Send a journal whole and have it confirmed."""
        sent = self.chunk(made, run, writer=writer)
        assert sent.status_code == 200, sent.text
        path = paths.receipt(JournalPath(run, made.journal))
        answer = self.ask("POST", path, json=claim_of(made, writer=writer).to_json())
        assert answer.status_code == 200, answer.text

    def flush(self) -> None:
        """Write all tails out as segments."""
        while self.held.ingest.flush(100, idle=-1.0):
            pass


def journal_path(made: Made, run: RunPath = RUN) -> str:
    """``J`` of `docs/formats/http.md`."""
    return paths.journal(JournalPath(run, made.journal))
