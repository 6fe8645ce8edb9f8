"""Names and values of the HTTP headers that the write side uses.

Owns their spelling, nothing else.
"""

from __future__ import annotations

import base64
import binascii

from holdfast.errors import RefusedError

__all__ = [
    "DIGEST",
    "ENCODING",
    "RETRY_AFTER",
    "WRITER",
    "WRITER_STATES",
    "check_writer",
    "key_in",
]

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


def key_in(authorization: str) -> str:
    """The API key in the value of an ``Authorization`` header; empty when there is none.

    ``Bearer KEY``, or ``Basic`` with the key as password, whatever the user.

    Raises:
        RefusedError: ``Basic`` with something that cannot be read (401 ``unauthorized``).

    >>> key_in("Bearer abc"), key_in("Basic YXBpOmFiYw=="), key_in("")
    ('abc', 'abc', '')
    """
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise RefusedError(
                "the Authorization header cannot be read",
                "run 'holdfast login', or send Authorization: Bearer KEY",
                status=401,
                code="unauthorized",
            ) from error
        return pair.partition(":")[2]
    return ""
