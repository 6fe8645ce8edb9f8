"""Files that wandb clients put to their signed URLs.

Owns the road of an upload's bytes to `Ingest`. Must not know how a URL is signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.server.ingest import Ingest
from holdfast.server.ingest.edits import journal_of_edits

__all__ = ["take"]


async def take(ingest: Ingest, run: RunPath, path: str, request: Request) -> None:
    """Store the body of a request as the file ``path`` of a run.

    Raises:
        NotFoundError: no such run.
        RefusedError: the client left before the end, or the disk is full.
    """
    pieces = _whole(request)
    loop = asyncio.get_running_loop()

    def blocking() -> Iterator[bytes]:
        while piece := asyncio.run_coroutine_threadsafe(_next(pieces), loop).result():
            yield piece

    def store() -> None:
        ingest.put_file(run, journal_of_edits(ingest, run), path, blocking())

    await run_in_threadpool(store)


async def _whole(request: Request) -> AsyncIterator[bytes]:
    """The body; what ends before its announced length is no file."""
    announced = request.headers.get("content-length", "")
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if piece:
                yield piece
    except ClientDisconnect as error:
        raise _cut_off() from error
    if announced.isdigit() and int(announced) != size:
        raise _cut_off()


async def _next(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece; empty at the end."""
    return await anext(pieces, b"")


def _cut_off() -> RefusedError:
    return RefusedError(
        "the client left in the middle of the file", "send it again", status=400, code="bad_request"
    )
