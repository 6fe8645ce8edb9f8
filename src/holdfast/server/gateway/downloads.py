"""Files of runs and their rows as one file, read at their signed URLs.

Owns the answer to a download, ranges included. Must not know how a URL is signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.query import Queries
from holdfast.wire.ranges import UnsatisfiableError, span_of

__all__ = ["give", "give_rows"]

_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


class _Stored(Protocol):
    """Bytes of which a part can be read."""

    @property
    def size(self) -> int: ...
    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes]: ...


def give(queries: Queries, run: RunPath, path: str, asked: str) -> Response:
    """The bytes of a file, or the range of them that a Range header asks for.

    Raises:
        NotFoundError: no such file.
    """
    found = queries.file(run, path)
    return _part(found, asked, path.rpartition("/")[2], found.digest)


def give_rows(queries: Queries, run: RunPath, asked: str) -> Response:
    """All rows of a run as Parquet, or a range of these bytes.

    Raises:
        NotFoundError: there is no such run, or no such file of it any more.
    """
    found = queries.export(run)
    if found is None:
        raise NotFoundError(f"run {run} has no table of all its rows", "ask for its history")
    return _part(found, asked, f"{run.run_id}.parquet", found.blob.rpartition("/")[2])


def _part(found: _Stored, asked: str, name: str, tag: str) -> Response:
    try:
        span = span_of(asked, found.size)
    except UnsatisfiableError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, end = span or (0, found.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": _SANDBOX,
        "ETag": f'"{tag}"',
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    status = 200 if span is None else 206
    return StreamingResponse(
        found.read(start, end), status, headers, media_type="application/octet-stream"
    )
