"""The dashboard: its built files, and its one page for every address that is no file.

Owns caching and what may be served from the folder. Must not know what the dashboard does.
"""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse, PlainTextResponse

from holdfast.server.api.answers import refuse
from holdfast.server.api.packed import PackedRoute
from holdfast.server.api.parts import PartsOf

__all__ = ["index_page", "router"]

#: names of files below assets/ carry a hash of their content
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_ASK_AGAIN = {"Cache-Control": "no-cache"}

router = APIRouter(include_in_schema=False, route_class=PackedRoute)


@router.get("/{path:path}")
def page(path: str, request: Request, parts: PartsOf) -> Response:
    """A file of the built dashboard, else its page; the address is for the browser to read."""
    if path.startswith("api/"):
        return refuse("not_found", f"no route {request.url.path}", "see /api/v1/openapi.json")
    root = parts.web.resolve()
    found = (root / path).resolve()
    if path and found.is_relative_to(root) and found.is_file():
        if path.startswith("assets/"):
            kind = guess_type(found.name)[0] or "application/octet-stream"
            return Response(found.read_bytes(), media_type=kind, headers=_FOR_EVER)
        return FileResponse(found, headers=_ASK_AGAIN)
    if path.startswith("assets/"):
        return refuse("not_found", f"no file {path}", "reload the page")
    return index_page(parts.web)


def index_page(web: Path) -> Response:
    """The dashboard's page, or a line that says how to build it."""
    index = web / "index.html"
    if index.is_file():
        return FileResponse(index, headers=_ASK_AGAIN)
    return PlainTextResponse(
        "The dashboard is not built in this checkout. Run: make web\n", status_code=200
    )
