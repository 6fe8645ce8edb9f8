"""The ASGI application: all routes, the answers to what goes wrong, and the layer around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.server.api import pages, reads, service, sessions, writes
from holdfast.server.api.answers import install_error_answers
from holdfast.server.api.edge import Edge
from holdfast.server.api.parts import Parts
from holdfast.server.settings import server_version
from holdfast.wire import ERRORS
from holdfast.wire.paths import API

__all__ = ["make_api", "make_routes"]


def make_api(parts: Parts, others: Sequence[BaseRoute] = ()) -> ASGIApp:
    """The application that serves ``parts``, the outermost layer included.

    Args:
        parts: what the routes work with.
        others: routes of another room, which answer their own errors; they come first.
    """
    app = make_routes()
    app.router.routes[:0] = others  # where a method does not fit, it says so
    app.state.parts = parts
    first = _First(others, app)
    return Edge(first, parts.metrics, loopback_only=parts.settings.on_loopback)


class _First:
    """Hands requests to routes that answer their own errors, and all others to the application.

    They need nothing of what it lays around its own routes, which costs more than a small answer.
    """

    def __init__(self, routes: Sequence[BaseRoute], app: ASGIApp) -> None:
        self._routes = routes
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._routes if scope["type"] == "http" else ():
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found, route=route)
                await route.handle(scope, receive, send)
                return
        await self._app(scope, receive, send)


def make_routes() -> FastAPI:
    """The routes alone; `openapi()` of the result is the document at /api/v1/openapi.json."""
    app = _Routes(
        title="Holdfast",
        version=server_version(),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        responses=_failures(),
        generate_unique_id_function=lambda route: route.name,
    )
    install_error_answers(app)
    for part in (sessions, writes, reads, service, pages):  # pages last: it takes what is left
        app.include_router(part.router)
    return app


class _Routes(FastAPI):
    """FastAPI, with the one body of all refusals described once."""

    def openapi(self) -> dict[str, Any]:
        document = super().openapi()
        document["components"]["schemas"]["Failure"] = _FAILURE
        return document


def _failures() -> dict[int | str, dict[str, Any]]:
    """Every refusal by status, with the codes that it may carry.

    The body's schema is named only, see `_Routes`: given as a model, FastAPI would build it for
    each status of each route, which takes longer than all the rest of a start.
    """
    by_status: dict[int | str, dict[str, Any]] = {}
    for row in ERRORS.values():
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}
        said = by_status.setdefault(row.status, {"content": content, "description": ""})
        said["description"] += f"{'; ' if said['description'] else ''}`{row.code}`: {row.meaning}"
    return by_status


_FAILURE = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                "code": {"type": "string", "enum": list(ERRORS)},
                "message": {"type": "string", "description": "what happened, one line"},
                "hint": {"type": "string", "description": "what to do, one line"},
            },
            "additionalProperties": True,
        }
    },
}
