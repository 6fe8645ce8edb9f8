"""Request bodies: read up to a limit, unpacked, checked against their digest.

Owns the limits at the edge. Must not know what a body means.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from holdfast.errors import RefusedError
from holdfast.wire import check_digest, decompress, digest_of, gather_body
from holdfast.wire.headers import DIGEST, ENCODING

__all__ = ["chunk_bytes", "read_body", "read_json"]


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
        raise _malformed("the sender left in the middle of the body") from error


async def read_json(request: Request, limit: int) -> Any:
    """The body as JSON.

    Raises:
        RefusedError: 413 when it is too long, 400 when it is no JSON.
    """
    body = await read_body(request, limit)
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed("the body is not JSON") from error


def chunk_bytes(request: Request, body: bytes, limit: int) -> bytes:
    """The plain bytes of a chunk, proven to be what their digest says.

    Raises:
        RefusedError: 400 for an encoding we do not take or a missing digest, 413 when it unpacks
            to more than ``limit`` bytes, 422 when it is damaged.
    """
    encoding = request.headers.get(ENCODING, "").lower()
    if encoding == "deflate" and body:
        plain = decompress(body, limit)
    elif encoding in {"", "identity", "deflate"}:
        plain = body
    else:
        raise _malformed(f"content encoding {encoding[:40]!r} is not taken; send deflate or plain")
    digest = request.headers.get(DIGEST)
    if digest is None and not plain:
        return plain
    if check_digest(digest or "") != digest_of(plain):
        raise RefusedError(
            "the chunk is not what its digest says",
            "send it again",
            status=422,
            code="digest_mismatch",
        )
    return plain


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _malformed(what: str) -> RefusedError:
    return RefusedError(what, "see docs/formats/http.md", status=400, code="bad_request")
