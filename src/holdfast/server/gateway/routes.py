"""The gateway's routes: GraphQL, the stream of lines, signed file URLs, and what is swallowed.

Owns how a request is read and who it is from. Must not know what is in a document or a stream.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from holdfast.errors import RefusedError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.server.gateway import downloads, resolvers, stream, uploads
from holdfast.server.gateway.answers import answer, refusal
from holdfast.server.gateway.context import Context
from holdfast.server.gateway.engine import Engine
from holdfast.server.gateway.names import may_write
from holdfast.server.gateway.posted import each_once, malformed
from holdfast.server.gateway.run_lists import RunLists
from holdfast.server.gateway.signing import HISTORY, Signer
from holdfast.server.ingest import Ingest
from holdfast.server.metastore.known import KnownUsers
from holdfast.server.metastore.users import User
from holdfast.server.query import Queries
from holdfast.server.settings import Limits
from holdfast.wire import check_file_path, decompress, gather_body
from holdfast.wire.bodies import refuse_constant
from holdfast.wire.headers import ENCODING, key_in

__all__ = ["Gateway"]

_RUN = "/files/{entity}/{project}/{run}"
_SHORT_AT_ONCE = 2
"""Threads for short words that change something. Their work is the processor's, of which one
thread has its turn, and the metastore's, which has one writer: one thread prepares while another
writes, and more only take the interpreter from each other."""
_LONG_BYTES = 64 * 1024
_LONG_AT_ONCE = 3
"""Bodies of many lines take ten times their size while they are read; more at once are no faster,
for one thread computes at a time."""
_SWALLOWED_BYTES = 64 * 1024 * 1024

_Endpoint = Callable[[Request], Awaitable[Response]]
_T = TypeVar("_T")


class Gateway:
    """What wandb clients reach; `routes` goes into the application of the server.

    Args:
        users: who may sign in.
        ingest: the write side.
        queries: the read side.
        limits: what one request may bring.
        secret: signs the URLs of files.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        users: KnownUsers,
        ingest: Ingest,
        queries: Queries,
        limits: Limits,
        secret: bytes,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._users = users
        self._ingest = ingest
        self._queries = queries
        self._lists = RunLists(queries)
        self._limits = limits
        self._signer = Signer(secret, clock)
        self._engine = Engine(resolvers.FIELDS)
        self._short = ThreadPoolExecutor(_SHORT_AT_ONCE, "holdfast-short")
        self._long = asyncio.Semaphore(_LONG_AT_ONCE)

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes, each of which answers its own errors."""
        return [
            _route("/graphql", self._graphql, "POST"),
            _route(f"{_RUN}/file_stream", self._stream, "POST"),
            _route(f"{_RUN}/content/{{path:path}}", _preflight, "OPTIONS"),
            _route(f"{_RUN}/content/{{path:path}}", self._read_file, "GET"),
            _route(f"{_RUN}/content/{{path:path}}", self._write_file, "PUT"),
            _route(f"{_RUN}/history.parquet", self._read_rows, "GET"),
            _route("/sdk/otel/{rest:path}", _swallow, "POST"),
        ]

    async def _graphql(self, request: Request) -> Response:
        context = self._context(request, await self._user(request))
        body = await _body(request, self._limits.json_bytes)
        text, variables, operation = _question(body)
        execute = partial(self._engine.execute, text, variables, operation, context)
        outcome = await (self._soon(execute) if _changes(text) else run_in_threadpool(execute))
        return answer(outcome.body, outcome.status)

    async def _stream(self, request: Request) -> Response:
        context = self._context(request, await self._user(request))
        run = _run(request)
        may_write(context, run.entity)
        raw = await _raw(request, self._limits.chunk_bytes)
        if len(raw) < _LONG_BYTES and not _encoding(request):
            return answer(await self._soon(partial(stream.take, context, run, raw)))
        async with self._long:
            body = await _plain(request, raw, self._limits.chunk_bytes)
            return answer(await run_in_threadpool(stream.take, context, run, body))

    async def _read_file(self, request: Request) -> Response:
        run, path = self._signed(request)
        given = request.headers.get("range", "")
        return await run_in_threadpool(downloads.give, self._queries, run, path, given)

    async def _read_rows(self, request: Request) -> Response:
        run = _run(request)
        self._check(HISTORY, run, "", request)
        given = request.headers.get("range", "")
        return await run_in_threadpool(downloads.give_rows, self._queries, run, given)

    async def _write_file(self, request: Request) -> Response:
        run, path = self._signed(request)
        await uploads.take(self._ingest, run, path, request, self._short)
        return answer({})

    def _soon(self, work: Callable[[], _T]) -> Awaitable[_T]:
        """Have short work done in its turn."""
        return asyncio.get_running_loop().run_in_executor(self._short, work)

    def _signed(self, request: Request) -> tuple[RunPath, str]:
        """The run and the file of a signed URL."""
        run, path = _run(request), check_file_path(request.path_params["path"])
        method = "GET" if request.method == "HEAD" else request.method
        self._check(method, run, path, request)
        return run, path

    def _check(self, method: str, run: RunPath, path: str, request: Request) -> None:
        said = request.query_params
        self._signer.check(method, run, path, said.get("until", ""), said.get("signature", ""))

    async def _user(self, request: Request) -> User:
        key = key_in(request.headers.get("authorization", ""))
        user = None
        if key:
            user = self._users.recent_of_key(key) or await run_in_threadpool(
                self._users.of_key, key
            )
        if user is None:
            raise RefusedError(
                "this server does not know the API key" if key else "no API key was given",
                "set WANDB_API_KEY to a key of this server, or run 'wandb login --relogin'",
                status=401,
                code="unauthorized",
            )
        return user

    def _context(self, request: Request, user: User) -> Context:
        headers = request.headers
        return Context(
            user=user,
            users=self._users,
            ingest=self._ingest,
            queries=self._queries,
            lists=self._lists,
            signer=self._signer,
            base_url=str(request.base_url).rstrip("/"),
            client_id=headers.get("x-wandb-async-client-id")
            or headers.get("x-wandb-client-id", ""),
        )


class _Guarded:
    """An endpoint as an ASGI application that answers what goes wrong in it."""

    def __init__(self, endpoint: _Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._endpoint(request)
        except Exception as error:  # noqa: BLE001 - the one place where a failure becomes an answer
            response = refusal(error, f"{request.method} {request.url.path}")
        await response(scope, receive, send)


def _route(path: str, endpoint: _Endpoint, method: str) -> Route:
    return Route(path, _Guarded(endpoint), methods=[method])


async def _body(request: Request, limit: int) -> bytes:
    """The plain body, compressed or not.

    Raises:
        RefusedError: 413 when it is longer than ``limit`` bytes, 4xx when it cannot be read.
    """
    return await _plain(request, await _raw(request, limit), limit)


async def _raw(request: Request, limit: int) -> bytes:
    """The body as it was sent."""
    announced = request.headers.get("content-length", "")
    try:
        return await gather_body(request.stream(), announced, limit)
    except ClientDisconnect as error:
        raise malformed("the client left in the middle of the body") from error


async def _plain(request: Request, body: bytes, limit: int) -> bytes:
    """A body as it was before it was compressed, if it was."""
    encoding = _encoding(request)
    if not encoding:
        return body
    if encoding in {"gzip", "deflate"}:
        return await run_in_threadpool(decompress, body, limit)
    raise malformed(f"content encoding {encoding[:40]!r} is not taken; send gzip or plain")


def _encoding(request: Request) -> str:
    """How the body is compressed; empty when it is not."""
    encoding = request.headers.get(ENCODING, "").lower()
    return "" if encoding == "identity" else encoding


def _question(body: bytes) -> tuple[str, dict[str, Any], str]:
    """The document, the variables and the operation of a GraphQL request."""
    try:
        # NaN and its like, which are no JSON, are sent by clients inside of texts only.
        said = json.loads(body, object_pairs_hook=each_once, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise malformed("the body is not JSON, or has a key twice") from error
    if not isinstance(said, dict) or not isinstance(said.get("query"), str):
        raise malformed("the body has no 'query'")
    variables = said.get("variables") or {}
    operation = said.get("operationName") or ""
    if not isinstance(variables, dict) or not isinstance(operation, str):
        raise malformed("'variables' is no object, or 'operationName' no text")
    return said["query"], variables, operation


def _changes(text: str) -> bool:
    """Whether a document looks like one that changes something."""
    return text.lstrip().startswith("mutation")


def _run(request: Request) -> RunPath:
    said = request.path_params
    return RunPath(
        check_entity(said["entity"]), check_project(said["project"]), check_run_id(said["run"])
    )


async def _preflight(request: Request) -> Response:
    """Say which pages may read a file: this server's own, which need not ask."""
    origin = f"{request.url.scheme}://{request.url.netloc}"
    allowed = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": "GET, PUT"}
    return Response(status_code=204, headers={**allowed, "Vary": "Origin"})


async def _swallow(request: Request) -> Response:
    """Take telemetry meant for W&B, and keep none of it."""
    await _body(request, _SWALLOWED_BYTES)
    return answer({})
