"""Names and values of the HTTP headers that the write side uses.

Owns their spelling, nothing else.
"""

from __future__ import annotations

from holdfast.errors import RefusedError

__all__ = ["DIGEST", "ENCODING", "RETRY_AFTER", "WRITER", "WRITER_STATES", "check_writer"]

DIGEST = "Holdfast-Digest"
"""Digest of a chunk's plain bytes."""

WRITER = "Holdfast-Writer"
"""How the journal's writer is: one of `WRITER_STATES`."""

ENCODING = "Content-Encoding"
"""``deflate`` (zlib) for a compressed chunk, absent for a plain one."""

RETRY_AFTER = "Retry-After"
"""Seconds to wait, on 429 and 503."""

WRITER_STATES = ("alive", "gone", "unknown")


def check_writer(text: object) -> str:
    """Return ``text`` if it says how a writer is.

    Raises:
        RefusedError: it is not one of `WRITER_STATES` (400 ``bad_request``).
    """
    if isinstance(text, str) and text in WRITER_STATES:
        return text
    raise RefusedError(
        f"{str(text)[:40]!r} is no state of a writer",
        f"say one of {', '.join(WRITER_STATES)}",
        status=400,
        code="bad_request",
    )
