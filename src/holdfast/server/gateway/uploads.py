"""Files that wandb clients put to their signed URLs.

Owns the road of an upload's bytes to `Ingest`. Must not know how a URL is signed.
"""

from __future__ import annotations

from starlette.requests import Request

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.server.ingest import Ingest

__all__ = ["take"]


async def take(ingest: Ingest, run: RunPath, path: str, request: Request) -> None:
    """Store the body of a request as the file ``path`` of a run.

    Raises:
        RefusedError: the body is too long, or the disk is full.
    """
    del ingest, request
    raise RefusedError(
        f"file {path!r} of {run} cannot be taken: uploads are not served yet",
        "sync the run with 'holdfast sync'",
        status=501,
        code="unserved",
    )
