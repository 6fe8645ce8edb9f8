"""Digests: ``sha256:`` and 64 hex digits.

Owns the spelling of a digest and how one is made. Must not know what is digested.
"""

from __future__ import annotations

import hashlib
import re

from holdfast.errors import RefusedError

__all__ = ["check_digest", "digest_of", "format_digest", "is_digest"]

_GRAMMAR = re.compile(r"sha256:[0-9a-f]{64}")


def is_digest(text: object) -> bool:
    """True when ``text`` is a well-spelled digest."""
    return isinstance(text, str) and _GRAMMAR.fullmatch(text) is not None


def check_digest(text: object) -> str:
    """Return ``text`` if it is a well-spelled digest.

    Raises:
        RefusedError: it is not (400 ``bad_request``).
    """
    if isinstance(text, str) and _GRAMMAR.fullmatch(text):
        return text
    raise RefusedError(
        f"{str(text)[:80]!r} is not a digest",
        "write sha256: and 64 hex digits",
        status=400,
        code="bad_request",
    )


def digest_of(data: bytes | bytearray | memoryview) -> str:
    """The digest of some bytes.

    >>> digest_of(b"")[:15]
    'sha256:e3b0c442'
    """
    return format_digest(hashlib.sha256(data).hexdigest())


def format_digest(hex_digits: str) -> str:
    """The digest whose SHA-256 has these hex digits (lower case, 64 of them)."""
    return "sha256:" + hex_digits
