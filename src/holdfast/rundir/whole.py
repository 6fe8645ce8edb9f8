"""Small text files that are replaced whole, or not at all.

Owns the step from the old file to the new one. Must not know what a file says.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ["fresh_name", "is_fresh", "replace_text"]


def fresh_name(path: Path) -> Path:
    """A name beside ``path`` that nobody else has, on no machine that shares the filesystem."""
    return path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")


def is_fresh(name: str, of: Iterable[str]) -> bool:
    """Whether a name is a `fresh_name` of one of these: a kill may leave a file with it.

    >>> is_fresh(fresh_name(Path("a.json")).name, ["a.json"])
    True
    """
    return any(re.fullmatch(rf"\.{re.escape(one)}\.\d+\.[0-9a-f]{{8}}", name) for one in of)


def replace_text(path: Path, text: str, *, scratch: Path | None = None) -> int:
    """Write a text file so that readers see the old or the new one, never a part.

    Against a power cut nothing is promised.

    Args:
        path: the file.
        text: written as UTF-8, its lone surrogates as escapes.
        scratch: a folder of the same filesystem in which the new file is written, made if it is
            missing; by default that of the file.

    Returns:
        How many bytes it has now.

    Raises:
        OSError: the disk said no; the old file stands.
    """
    fresh = fresh_name(path if scratch is None else scratch / path.name)
    try:
        if scratch is not None:
            scratch.mkdir(exist_ok=True)
        size = fresh.write_bytes(text.encode("utf-8", "backslashreplace"))
        os.replace(fresh, path)
    except OSError:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            fresh.unlink()
        raise
    return size
