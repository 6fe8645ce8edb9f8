"""For those who run the server: is it well, and what does it count.

Both routes need no key and tell nothing of what is in runs.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.responses import PlainTextResponse

from holdfast.errors import HoldfastError
from holdfast.server.api.answers import refuse
from holdfast.server.api.metrics import CONTENT_TYPE
from holdfast.server.api.parts import PartsOf

__all__ = ["router"]

router = APIRouter(tags=["service"])


@router.get("/healthz", response_class=PlainTextResponse)
def healthz(parts: PartsOf) -> Response:
    """``ok`` when the database answers and the blob folder can be written."""
    try:
        parts.check()
    except HoldfastError as error:
        return refuse("unavailable", error.what, error.do)
    return PlainTextResponse("ok\n")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(parts: PartsOf) -> Response:
    """Counters and gauges in Prometheus' text form."""
    return Response(parts.metrics.text(), media_type=CONTENT_TYPE)
