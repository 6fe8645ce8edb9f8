"""The refusals of ingest, each with its status and code.

Must not know why one is raised.
"""

from __future__ import annotations

import time

from holdfast.errors import RefusedError
from holdfast.ids import RunPath

__all__ = ["ClaimMismatch", "PositionMismatch", "RunDeleted", "digest_mismatch", "invalid"]


class PositionMismatch(RefusedError):  # noqa: N818  a refusal; the name is the wire's
    """The chunk does not start where the server stands; ``position`` says where that is."""

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the chunk does not start at {position}, where the server stands",
            f"send from byte {position} on",
            status=409,
            code="position_mismatch",
            detail={"position": position},
        )
        self.position = position


class ClaimMismatch(RefusedError):  # noqa: N818  as above
    """What is claimed is not what the server holds, which the fields say."""

    def __init__(self, why: str, *, position: int, digest: str, files: int) -> None:
        super().__init__(
            f"the claim is not what the server holds: {why}",
            "send what is missing, then claim again",
            status=409,
            code="claim_mismatch",
            detail={"position": position, "digest": digest, "files": files, "missing": []},
        )


class RunDeleted(RefusedError):  # noqa: N818  as above
    """The run was deleted, as the fields say: ``by`` a user, ``at`` Unix seconds."""

    def __init__(self, run: RunPath, at: float, by: str) -> None:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))
        super().__init__(
            f"run {run.run_id} was deleted from the server on {when} by {by}",
            "`holdfast sync --again` of its folder brings it back; a new run needs another id",
            status=410,
            code="run_deleted",
            detail={"at": at, "by": by},
        )


def invalid(what: str, do: str) -> RefusedError:
    """The error for what is well-formed but not acceptable (422)."""
    return RefusedError(what, do, status=422, code="invalid")


def digest_mismatch(digest: str) -> RefusedError:
    """The error for bytes that are not what their digest says (422)."""
    return RefusedError(
        f"the bytes are not what their digest {digest} says",
        "they were damaged on the way or changed meanwhile: send them again",
        status=422,
        code="digest_mismatch",
    )
