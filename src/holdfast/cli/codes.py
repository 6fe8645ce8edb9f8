"""The exit code of a command that did many things, of which some went wrong.

Owns that rule. What each error's own code is, `holdfast.errors` says.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.errors import HoldfastError

__all__ = ["shared_code"]


def shared_code(errors: Sequence[HoldfastError]) -> int:
    """0 when nothing went wrong, the errors' code when all share one, else 1."""
    codes = {error.exit_code for error in errors}
    return codes.pop() if len(codes) == 1 else int(bool(codes))
