"""What the routes work with, and how a route gets at it.

Owns the bundle that the app hands to the HTTP layer and the dependencies that every route
shares: who asks, which run is meant, may they write there. Must not know how any of it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from holdfast.errors import RefusedError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.server.api.auth import Authority
from holdfast.server.api.metrics import Metrics
from holdfast.server.ingest import Ingest
from holdfast.server.metastore.users import User
from holdfast.server.query import Queries
from holdfast.server.settings import ServerSettings
from holdfast.wire import RunRef, paths

__all__ = [
    "OwnEntity",
    "OwnRun",
    "Parts",
    "PartsOf",
    "SignedIn",
    "ThisRun",
    "run_ref",
    "with_url",
]


@dataclass(frozen=True)
class Parts:
    """Everything a route may ask.

    Args:
        settings: of this server.
        authority: who is who.
        ingest: the write side.
        queries: the read side.
        metrics: what is counted.
        check: raises when the database or the blob folder does not work.
        web: the folder of the built UI; it may be missing.
    """

    settings: ServerSettings
    authority: Authority
    ingest: Ingest
    queries: Queries
    metrics: Metrics
    check: Callable[[], None]
    web: Path


def _parts_of(request: Request) -> Parts:
    return cast(Parts, request.app.state.parts)


async def _parts(request: Request) -> Parts:
    return _parts_of(request)


async def _signed_in(request: Request) -> User:
    return await _parts_of(request).authority.user_of(request)


async def _this_run(entity: str, project: str, run_id: str) -> RunPath:
    return RunPath(check_entity(entity), check_project(project), check_run_id(run_id))


async def _own_entity(request: Request, entity: str) -> str:
    user = await _signed_in(request)
    if check_entity(entity) != user.name:
        raise RefusedError(
            f"user {user.name!r} may not write into {entity!r}",
            f"write into your own entity: {user.name}",
            status=403,
            code="forbidden",
        )
    return entity


async def _own_run(request: Request, entity: str, project: str, run_id: str) -> RunPath:
    run = await _this_run(entity, project, run_id)
    await _own_entity(request, entity)
    return run


# None depends on another: each level of that costs as much as a small statement, and a small run
# is three requests.
PartsOf = Annotated[Parts, Depends(_parts)]
SignedIn = Annotated[User, Depends(_signed_in)]
ThisRun = Annotated[RunPath, Depends(_this_run)]
OwnEntity = Annotated[str, Depends(_own_entity)]
OwnRun = Annotated[RunPath, Depends(_own_run)]


def run_ref(request: Request, run: RunPath) -> RunRef:
    """The run with the address at which this request's browser would see it."""
    return with_url(request, RunRef(run.entity, run.project, run.run_id, ""))


def with_url(request: Request, run: RunRef) -> RunRef:
    """The same run with its address filled in."""
    base_url = str(request.base_url).rstrip("/")
    return replace(run, url=f"{base_url}{paths.page(run.path)}")
