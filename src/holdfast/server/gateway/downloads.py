"""Files of runs, read at their signed URLs.

Owns the answer to a download, ranges included. Must not know how a URL is signed.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from holdfast.ids import RunPath
from holdfast.server.query import Queries
from holdfast.wire.ranges import UnsatisfiableError, span_of

__all__ = ["give"]

_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


def give(queries: Queries, run: RunPath, path: str, asked: str) -> Response:
    """The bytes of a file, or the range of them that a Range header asks for.

    Raises:
        NotFoundError: no such file.
    """
    found = queries.file(run, path)
    try:
        span = span_of(asked, found.size)
    except UnsatisfiableError:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, end = span or (0, found.size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.rpartition('/')[2])}",
        "Content-Security-Policy": _SANDBOX,
        "ETag": f'"{found.digest}"',
    }
    if span is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    status = 200 if span is None else 206
    return StreamingResponse(
        found.read(start, end), status, headers, media_type="application/octet-stream"
    )
