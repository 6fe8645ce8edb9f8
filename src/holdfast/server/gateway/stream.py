"""The stream of lines of a live run: history, system metrics, summary, console.

Owns what a body of ``file_stream`` means. Must not know HTTP.
"""

from __future__ import annotations

from typing import Any

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.server.gateway.context import Context

__all__ = ["take"]


def take(context: Context, run: RunPath, body: bytes) -> dict[str, Any]:
    """Take one body (JSON, already unpacked) and give the answer's.

    Raises:
        RefusedError: 400 when the body is malformed.
    """
    del context, body
    raise RefusedError(
        f"lines of {run} cannot be taken: file_stream is not served yet",
        "sync the run with 'holdfast sync'",
        status=501,
        code="unserved",
    )
