"""Request bodies: read up to a limit.

Owns the limits at the edge. Must not know what a body means.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from holdfast.errors import RefusedError
from holdfast.wire import gather_body, parse_json

__all__ = ["read_body", "read_json"]


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body as it was sent.

    Raises:
        RefusedError: 413 when it is longer than ``limit`` bytes, 400 when the sender left before
            its end.
    """
    announced = request.headers.get("content-length", "")
    try:
        return await gather_body(request.stream(), announced, limit)
    except ClientDisconnect as error:
        # Nobody reads this answer; it keeps a vanished sender from counting as our defect.
        raise RefusedError(
            "the sender left in the middle of the body",
            "see docs/formats/http.md",
            status=400,
            code="bad_request",
        ) from error


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON.

    Raises:
        RefusedError: 413 when it is too long, 400 when it is no JSON.
    """
    return parse_json(await read_body(request, limit))
