"""Numbers as people write them on the command line.

Owns their grammar. Must not know what they count.
"""

from __future__ import annotations

import argparse
import re

__all__ = ["positive", "read_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)(B?)", re.IGNORECASE)


def positive(text: str) -> int:
    """A whole number of one or more.

    Raises:
        ArgumentTypeError: it is less.
        ValueError: it is none.
    """
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


def read_size(text: str) -> int:
    """Bytes from ``700M`` or ``700MiB`` (powers of 1024), ``4.7GB`` (of 1000), ``1000000``.

    Raises:
        ArgumentTypeError: it is no size.

    Example:
        >>> read_size("700M"), read_size("4.7GB")
        (734003200, 4700000000)
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is not a size, such as 700M or 4GB")
    number, unit, binary, byte = found.groups()
    base = 1000 if byte and not binary else 1024
    return int(float(number) * base ** (" KMGT".index(unit.upper()) if unit else 0))
