"""What can go wrong, named by what one can do next. Imports nothing of ours.

* HoldfastError           one line: what happened, and what to do
  x UsageError            the call or the command line is wrong: change it        (exit 2)
  x AuthError             no key, a wrong key, a key without the right: log in    (exit 3)
  x UnreachableError      no answer from the server: check the way, try again     (exit 4)
  x RefusedError          the server answered no: the code says why               (exit 5)
  x DamagedError          bytes on disk cannot be read as what they should be     (exit 6)
  x StorageError          the disk said no: full, quota, permission, I/O          (exit 7)
  x NotFoundError         what was named does not exist                           (exit 8)
  x UnconfirmedError      work ended, but not all of it is proven to have arrived (exit 1)
"""

from __future__ import annotations

__all__ = [
    "AuthError",
    "DamagedError",
    "HoldfastError",
    "NotFoundError",
    "RefusedError",
    "StorageError",
    "UnconfirmedError",
    "UnreachableError",
    "UsageError",
]


class HoldfastError(Exception):
    """Base of all errors that Holdfast raises on purpose.

    Args:
        what: what happened and where, one line, no full stop at the end.
        do: what the reader can do next, one line; may be empty.

    ``str(error)`` is ``"what; do"`` in one line, ready to print.
    """

    exit_code = 1

    def __init__(self, what: str, do: str = "") -> None:
        super().__init__(what, do)
        self.what = " ".join(what.split())
        self.do = " ".join(do.split())

    def __str__(self) -> str:
        return f"{self.what}; {self.do}" if self.do else self.what


class UsageError(HoldfastError):
    """The call or the command line is wrong."""

    exit_code = 2


class AuthError(HoldfastError):
    """No API key, a wrong one, or one without the right to do this."""

    exit_code = 3


class UnreachableError(HoldfastError):
    """The server gave no answer within the limits; trying again may help."""

    exit_code = 4


class RefusedError(HoldfastError):
    """The server answered, and the answer is no.

    ``status`` is the HTTP status, ``code`` the stable error code of the body
    (empty when the answer was not a Holdfast error body), ``detail`` the rest of it.
    """

    exit_code = 5

    def __init__(
        self,
        what: str,
        do: str = "",
        *,
        status: int = 0,
        code: str = "",
        detail: dict[str, object] | None = None,
    ) -> None:
        super().__init__(what, do)
        self.status = status
        self.code = code
        self.detail = detail or {}


class DamagedError(HoldfastError):
    """Bytes that cannot be read as what they should be."""

    exit_code = 6


class StorageError(HoldfastError):
    """The disk refused: full, over quota, not permitted, I/O error."""

    exit_code = 7


class NotFoundError(HoldfastError):
    """What was named does not exist."""

    exit_code = 8


class UnconfirmedError(HoldfastError):
    """The work ended, but not all of it is proven to have arrived."""

    exit_code = 1
