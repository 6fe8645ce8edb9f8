"""Who is there: the viewer, and the browser's session.

Owns the routes of signing in and out. How it is proven is in `auth`.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from holdfast.errors import RefusedError
from holdfast.server.api import shapes
from holdfast.server.api.answers import answer
from holdfast.server.api.bodies import read_json
from holdfast.server.api.pages import index_page
from holdfast.server.api.parts import PartsOf, SignedIn
from holdfast.server.settings import server_version
from holdfast.wire import Room, Viewer
from holdfast.wire.paths import API, VIEWER

__all__ = ["router"]

_API_VERSION = 1
_MAX_SIGN_IN_BYTES = 64 * 1024

router = APIRouter(tags=["session"])


@router.get(VIEWER, response_model=shapes.Viewer)
async def viewer(user: SignedIn, parts: PartsOf) -> Response:
    """Who asks, where runs go that name no entity, the limits of one request, room on the disk."""
    limits = parts.settings.limits
    said = Viewer(
        server="holdfast",
        version=server_version(),
        api=_API_VERSION,
        user=user.name,
        entity=user.name,
        chunk_bytes=limits.chunk_bytes,
        part_bytes=limits.part_bytes,
        disk=await run_in_threadpool(Room.if_known, parts.settings.data),
    )
    return answer(said.to_json())


@router.post(f"{API}/session", response_model=shapes.Session)
async def sign_in(request: Request, parts: PartsOf) -> Response:
    """Set the session cookie for the key in the body, ``{"key": KEY}``."""
    body = await read_json(request, _MAX_SIGN_IN_BYTES)
    key = body.get("key") if isinstance(body, dict) else None
    if not isinstance(key, str) or not key:
        raise RefusedError(
            "no key in the body", 'send {"key": KEY}', status=400, code="bad_request"
        )
    response = answer({})
    user = await parts.authority.sign_in_with_key(key, request, response)
    response.body = answer({"user": user.name}).body
    response.headers["Content-Length"] = str(len(response.body))
    return response


@router.delete(f"{API}/session", status_code=204)
async def sign_out(parts: PartsOf) -> Response:
    """Take the session cookie away."""
    response = Response(status_code=204)
    parts.authority.sign_out(response)
    return response


@router.get("/login", include_in_schema=False)
async def login(request: Request, parts: PartsOf, token: str = "") -> Response:
    """The link that `holdfast serve` prints; without a good token, the dashboard's own page."""
    if not token:
        return index_page(parts.web)
    response = RedirectResponse("/", status_code=303)
    if parts.authority.sign_in_with_link(token, request, response):
        return response
    return RedirectResponse("/login", status_code=303)
