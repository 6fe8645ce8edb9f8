"""Long answers as gzip, for who takes it: charts are long lists of digits, and links are slow.

Owns when an answer is packed. Must not know what it says. Streams are not packed, nor files of
runs: those have digests, and parts of them can be asked for.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

__all__ = ["PackedRoute"]

#: shorter answers go in one or two packets as they are
_LEAST_BYTES = 2048
#: a fifth of the time of the highest one, for a tenth more bytes
_LEVEL = 1
_TAKES = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?=,|$)")


class PackedRoute(APIRoute):
    """A route whose answers are packed where that is worth it; give it to a router.

    Example:
        >>> APIRouter(route_class=PackedRoute)                      # doctest: +SKIP
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls to answer a request."""
        handle = super().get_route_handler()

        async def packed(request: Request) -> Response:
            response = await handle(request)
            if type(response) is Response and len(response.body) >= _LEAST_BYTES:
                response.headers["Vary"] = "Accept-Encoding"
                if _TAKES.search(request.headers.get("accept-encoding", "").lower()):
                    await run_in_threadpool(_pack, response)
            return response

        return packed


def _pack(response: Response) -> None:
    response.body = gzip.compress(bytes(response.body), _LEVEL, mtime=0)
    response.headers["Content-Encoding"] = "gzip"
    response.headers["Content-Length"] = str(len(response.body))
