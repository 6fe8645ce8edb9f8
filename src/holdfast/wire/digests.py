"""Digests: ``sha256:`` and 64 hex digits.

Owns the spelling of a digest and how one is made. Must not know what is digested.
"""

from __future__ import annotations

import hashlib
import os
import re

from holdfast.errors import RefusedError

__all__ = ["check_digest", "digest_of", "digest_of_file", "format_digest"]

_READ_BYTES = 1 << 20

_GRAMMAR = re.compile(r"sha256:[0-9a-f]{64}")


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


def digest_of_file(fd: int, limit: int | None = None) -> tuple[str, int]:
    """The digest of what an open file holds from where it stands, read a MiB at a time.

    Args:
        fd: its descriptor, which nothing was read from by way of a buffer.
        limit: at most so many bytes; None for all there are.

    Returns:
        The digest, and how many bytes it is of: fewer than ``limit`` when the file ends before.

    Raises:
        OSError: it cannot be read.
    """
    hasher = hashlib.sha256()
    size = 0
    while data := os.read(fd, _READ_BYTES if limit is None else min(limit - size, _READ_BYTES)):
        hasher.update(data)
        size += len(data)
    return format_digest(hasher.hexdigest()), size


def format_digest(hex_digits: str) -> str:
    """The digest whose SHA-256 has these hex digits (lower case, 64 of them)."""
    return "sha256:" + hex_digits
