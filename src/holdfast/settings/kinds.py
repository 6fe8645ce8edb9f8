"""The types of settings: how a value given in Python or as text is read.

Owns the grammar of values. Must not know which settings there are. Every reader takes what a
caller or an environment variable gave and returns the value, or raises ValueError whose text ends
the sentence "NAME is VALUE, ...".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["choice", "flag", "names", "path", "resume", "seconds", "text", "url"]

_TRUE = frozenset({"true", "1", "yes", "on", "y", "t"})
_FALSE = frozenset({"false", "0", "no", "off", "n", "f", ""})
_RESUME = ("allow", "must", "never", "auto")


def text(value: Any) -> str:
    """Any text; numbers are taken as their digits."""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip()
    raise ValueError("which is not text")


def path(value: Any) -> str:
    """A path, ``~`` expanded."""
    try:
        return os.path.expanduser(os.fsdecode(value))
    except TypeError:
        raise ValueError("which is not a path") from None


def flag(value: Any) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("which is neither true nor false")


def seconds(value: Any) -> float:
    """A positive number of seconds."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 < number < float("inf"):
        raise ValueError("which is not a positive number of seconds")
    return number


def names(value: Any) -> tuple[str, ...]:
    """Several names: a list, or text with commas. Doubles fall away, the order stays."""
    if isinstance(value, str):
        parts: Iterable[Any] = value.split(",")
    elif isinstance(value, Iterable):
        parts = value
    else:
        raise ValueError("which is not a list of names")
    return tuple(dict.fromkeys(word for part in parts if (word := str(part).strip())))


def choice(*words: str, **also: str) -> Callable[[Any], str]:
    """One of the given words; ``also`` maps other spellings (of wandb) to them."""

    def read(value: Any) -> str:
        word = str(value).strip().lower()
        word = also.get(word, word)
        if word not in words:
            raise ValueError(f"not one of {', '.join(words)}")
        return word

    return read


def resume(value: Any) -> str:
    """``allow``, ``must``, ``never``, ``auto``; True means ``auto``; empty means no resume."""
    word = {"true": "auto", "false": "", "none": ""}.get(str(value).lower(), str(value).lower())
    if word and word not in _RESUME:
        raise ValueError(f"not one of {', '.join(_RESUME)}")
    return word


def url(value: Any) -> str:
    """An ``http`` or ``https`` address without user, query or fragment, no slash at the end."""
    address = str(value).strip().rstrip("/")
    scheme, found, rest = address.partition("://")
    if not found or scheme.lower() not in ("http", "https") or not rest or rest[0] == "/":
        raise ValueError("which is not an http:// or https:// address")
    # What follows makes readers of URLs disagree on the host, and a key would go to the wrong one.
    if any(sign in rest for sign in "@\\?#") or any(sign.isspace() for sign in rest):
        raise ValueError("which has a user, a query, or a character that no address has")
    return address
