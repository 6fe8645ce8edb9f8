"""Files that wandb clients put to their signed URLs.

Owns the road of an upload's bytes to `Ingest`. Must not know how a URL is signed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from holdfast.errors import NotFoundError, RefusedError
from holdfast.ids import RunPath
from holdfast.server.ingest import Ingest
from holdfast.server.ingest.edits import journal_of_edits
from holdfast.wire import FileEntry, digest_of

__all__ = ["take"]

_SHORT_BYTES = 1024 * 1024
"""A file up to here is held whole: no thread waits for its bytes."""


async def take(ingest: Ingest, run: RunPath, path: str, request: Request, short: Executor) -> None:
    """Store the body of a request as the file ``path`` of a run; ``short`` does short work.

    Raises:
        NotFoundError: no such run.
        RefusedError: the client left before the end, or the disk is full.
    """
    announced = request.headers.get("content-length", "")
    pieces = _whole(request, announced)
    loop = asyncio.get_running_loop()
    if announced.isdigit() and int(announced) <= _SHORT_BYTES:
        data = b"".join([piece async for piece in pieces])
        await loop.run_in_executor(short, _store_short, ingest, run, path, data)
    else:
        await run_in_threadpool(_store_long, ingest, run, path, _blocking(pieces, loop))


def _store_short(ingest: Ingest, run: RunPath, path: str, data: bytes) -> None:
    digest = digest_of(data)
    named = [FileEntry(path, len(data), digest)], [(digest, data)]
    try:
        ingest.name_files(run, None, *named)
    except NotFoundError:  # its last journal is a sender's, or it has none
        ingest.name_files(run, journal_of_edits(ingest, run), *named)


def _store_long(ingest: Ingest, run: RunPath, path: str, pieces: Iterator[bytes]) -> None:
    ingest.put_file(run, journal_of_edits(ingest, run), path, pieces)


def _blocking(pieces: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> Iterator[bytes]:
    """The pieces for a thread that waits for each."""
    while piece := asyncio.run_coroutine_threadsafe(_next(pieces), loop).result():
        yield piece


async def _whole(request: Request, announced: str) -> AsyncIterator[bytes]:
    """The body; what ends before its announced length is no file."""
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
