"""The read side: projects, runs, lines, rows, console, files.

Owns how a request becomes a question to `Queries`. Must not know how an answer is found.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from holdfast.errors import UsageError
from holdfast.server.api import shapes
from holdfast.server.api.answers import answer, ndjson
from holdfast.server.api.bodies import read_json
from holdfast.server.api.edge import SANDBOX_POLICY
from holdfast.server.api.packed import PackedRoute
from holdfast.server.api.parts import PartsOf, SignedIn, ThisRun
from holdfast.server.query import LinesRequest, RowsRequest, RunsRequest
from holdfast.wire import paths
from holdfast.wire.ranges import UnsatisfiableError, span_of

__all__ = ["router"]

_PROJECT = f"{paths.PROJECTS}/{{entity}}/{{project}}"
_FEWEST_POINTS, _MOST_POINTS = 2, 100_000
_INLINE = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""What a browser may show in place: pictures that cannot hold a script."""


async def _check_signed_in(user: SignedIn) -> None:
    del user  # the dependency has refused who is nobody; everybody else may read


router = APIRouter(tags=["read"], dependencies=[Depends(_check_signed_in)], route_class=PackedRoute)

_Stretches = Literal["latest", "all"]
_Words = Annotated[str, Query(description="a comma list")]


@router.get(paths.PROJECTS, response_model=shapes.Projects)
def projects(parts: PartsOf) -> Response:
    """All projects."""
    return answer(parts.queries.projects())


class _RunsParameters:
    """The query parameters of a list of runs."""

    def __init__(
        self,
        search: str = "",
        order: str = "-created_at",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
        after: str = "",
        state: _Words = "",
        columns: _Words = "",
    ) -> None:
        self.request = RunsRequest(search, order, limit, after, _words(state), _words(columns))


@router.get(paths.RUNS, response_model=shapes.RunPage)
def runs(
    entity: str, project: str, wanted: Annotated[_RunsParameters, Depends()], parts: PartsOf
) -> Response:
    """Runs of a project, searched, ordered, by page."""
    return answer(parts.queries.runs(entity, project, wanted.request))


@router.get(paths.KEYS, response_model=shapes.Keys)
def keys(entity: str, project: str, parts: PartsOf) -> Response:
    """The keys of all runs of a project."""
    return answer(parts.queries.keys(entity, project))


@router.get(f"{_PROJECT}/changes", response_model=shapes.Changes)
def changes(entity: str, project: str, parts: PartsOf, since: int | None = None) -> Response:
    """Which runs changed after a cursor; without one, only where the project stands."""
    return answer(parts.queries.changes(entity, project, since))


_LINES = TypeAdapter(shapes.LinesBody)


async def _lines_request(request: Request, parts: PartsOf) -> LinesRequest:
    # Not left to FastAPI, which would read a body of any size.
    value = await read_json(request, parts.settings.limits.json_bytes)
    try:
        body = _LINES.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "body"
        raise UsageError(f"{name}: {first['msg']}", "see docs/formats/http.md") from error
    return LinesRequest(
        runs=tuple(body.runs),
        keys=tuple(body.keys),
        stream=body.stream,
        x=body.x,
        points=min(max(body.points, _FEWEST_POINTS), _MOST_POINTS),
        least=body.min,
        greatest=body.max,
        latest=body.stretches == "latest",
    )


@router.post(
    f"{_PROJECT}/lines",
    response_model=shapes.Lines,
    openapi_extra={
        "requestBody": {"content": {"application/json": {"schema": _LINES.json_schema()}}}
    },
)
async def lines(
    entity: str,
    project: str,
    wanted: Annotated[LinesRequest, Depends(_lines_request)],
    parts: PartsOf,
) -> Response:
    """Lines for charts."""
    return answer(await run_in_threadpool(parts.queries.lines, entity, project, wanted))


@router.get(paths.RUN, response_model=shapes.RunWhole)
def run_whole(run: ThisRun, parts: PartsOf) -> Response:
    """One run with all that is known of it."""
    return answer(parts.queries.run(run))


@router.get(paths.HISTORY, response_class=StreamingResponse)
def history(
    run: ThisRun,
    parts: PartsOf,
    keys: _Words = "",
    min_step: int | None = None,
    max_step: int | None = None,
    stretches: _Stretches = "latest",
) -> Response:
    """Every row in order, one JSON object a line (NDJSON)."""
    request = RowsRequest(_words(keys), min_step, max_step, stretches == "latest")
    return StreamingResponse(
        ndjson(parts.queries.rows(run, request)), media_type="application/x-ndjson"
    )


@router.get(paths.SAMPLED, response_model=shapes.Rows)
def sampled(
    run: ThisRun,
    parts: PartsOf,
    keys: _Words = "",
    samples: Annotated[int, Query(ge=1, le=100_000)] = 500,
) -> Response:
    """Rows spread evenly over the history, the first and the last among them."""
    return answer(parts.queries.sampled(run, _words(keys), samples))


@router.get(paths.CONSOLE, response_model=shapes.Console)
def console(
    run: ThisRun,
    parts: PartsOf,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
) -> Response:
    """Lines of the console, from number ``after`` on."""
    return answer(parts.queries.console(run, after, limit))


@router.get(paths.FILES, response_model=shapes.Files)
def files(run: ThisRun, parts: PartsOf) -> Response:
    """The files of a run."""
    return answer(parts.queries.files(run))


@router.get(paths.FILE, response_class=StreamingResponse)
def file(request: Request, run: ThisRun, path: str, parts: PartsOf) -> Response:
    """The bytes of a file, or a range of them."""
    found = parts.queries.file(run, path)
    try:
        span = span_of(request.headers.get("range", ""), found.size)
    except UnsatisfiableError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, end = span or (0, found.size)
    name = path.rpartition("/")[2]
    media_type = _INLINE.get(f".{name.rpartition('.')[2].lower()}")
    disposition = "inline" if media_type else "attachment"
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": SANDBOX_POLICY,
        "ETag": f'"{found.digest}"',
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return StreamingResponse(
        found.read(start, end),
        200 if span is None else 206,
        headers,
        media_type or "application/octet-stream",
    )


@router.get(paths.CONTENT, response_class=StreamingResponse)
def journal_content(run: ThisRun, journal: str, parts: PartsOf) -> Response:
    """A journal as it was written: a ``.wandb`` file."""
    size, pieces = parts.queries.journal(run, journal)
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f"attachment; filename*=UTF-8''run-{quote(run.run_id)}.wandb",
        "Content-Security-Policy": SANDBOX_POLICY,
    }
    return StreamingResponse(pieces, 200, headers, "application/octet-stream")


def _words(text: str) -> tuple[str, ...]:
    """The parts of a comma list; a comma or a backslash in a name has a backslash before it."""
    if not text:
        return ()
    parts = re.findall(r"(?:\\.|[^,\\])+", text)
    return tuple(re.sub(r"\\(.)", r"\1", part) for part in parts)
