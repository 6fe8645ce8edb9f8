"""The Range header: one span of bytes.

Owns its grammar (RFC 9110, section 14). Must not know what is sent.
"""

from __future__ import annotations

import re

__all__ = ["UnsatisfiableError", "span_of"]

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class UnsatisfiableError(Exception):
    """The range lies behind the end: answered by 416."""


def span_of(header: str, size: int) -> tuple[int, int] | None:
    """The bytes that a Range header asks for, as (start, end), end excluded.

    None for the whole: no header, several ranges, or one that cannot be read, all of which a
    server may answer with everything.

    Raises:
        UnsatisfiableError: it asks for bytes behind the end only.

    >>> span_of("bytes=2-", 5), span_of("bytes=-2", 5)
    ((2, 5), (3, 5))
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start >= end:
        raise UnsatisfiableError
    return start, end
