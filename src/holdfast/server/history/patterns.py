"""Regular expressions of others, searched in time that grows with the text alone (RE2).

Python's own engine can be made to take for ever by a pattern of ten characters. Must not know
what the texts are.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from holdfast.errors import UsageError

__all__ = ["matches"]

_MAX_PATTERN = 1000


def matches(pattern: str, texts: Sequence[str], *, flags: str = "") -> list[bool]:
    """Which of the texts have the pattern somewhere.

    Args:
        pattern: in RE2's syntax.
        texts: to search.
        flags: of RE2, as in ``(?flags)``: some of ``imsU``.

    Raises:
        UsageError: it is no regular expression that RE2 takes, or too long.

    >>> matches("^run-[0-9]+$", ["run-12", "a run"])
    [True, False]
    """
    if len(pattern) > _MAX_PATTERN:
        raise UsageError(f"a pattern of {len(pattern)} characters", f"use at most {_MAX_PATTERN}")
    try:
        column = pa.array([_plain(text) for text in texts], pa.string())
        whole = f"(?{flags}){pattern}" if flags else pattern
        found = pc.match_substring_regex(column, _plain(whole))
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{pattern!r} is no regular expression: {error}", "use RE2's syntax"
        ) from error
    answers: list[bool] = found.to_pylist()
    return answers


def _plain(text: str) -> str:
    """Text that UTF-8 can say: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()
