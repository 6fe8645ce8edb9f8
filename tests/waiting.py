"""Waiting in tests for what another thread or process brings about: never a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["until"]

_SECONDS = 90
_PAUSES = (0.005, 0.05)


def until(what: Callable[[], object], never: str = "it never came true") -> None:
    """Ask until the answer is yes, at first often, then less so; fails after a minute and a half.

    Args:
        what: asked again and again.
        never: what the failure says.
    """
    deadline = time.monotonic() + _SECONDS
    pause, longest = _PAUSES
    while not what():
        assert time.monotonic() < deadline, never
        time.sleep(pause)
        pause = min(longest, pause * 1.2)
