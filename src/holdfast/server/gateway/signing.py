"""URLs of files that carry their own authority: clients send no key when they up- or download.

Owns the signature and how long it is good. Must not know what a file holds.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from urllib.parse import quote

from holdfast.errors import RefusedError
from holdfast.ids import RunPath

__all__ = ["HISTORY", "READ_SECONDS", "WRITE_SECONDS", "Signer"]

HISTORY = "HISTORY"
"""Stands in the place of a method where rows are read, which are no file of the run."""
READ_SECONDS = 3600
WRITE_SECONDS = 24 * 3600
"""An upload waits in its client's queue for as long as the network is away."""

_PURPOSE = b"holdfast file url 1"


class Signer:
    """Makes and checks the query of a file's URL.

    Args:
        secret: whoever knows it can reach any file.
        clock: Unix time in seconds.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(secret, _PURPOSE, "sha256")
        self._clock = clock

    def read_url(self, base_url: str, run: RunPath, path: str) -> str:
        """Where the bytes of a run's file can be read for an hour."""
        return self._url(base_url, "GET", run, path, READ_SECONDS)

    def write_url(self, base_url: str, run: RunPath, path: str) -> str:
        """Where the bytes of a run's file can be put for a day."""
        return self._url(base_url, "PUT", run, path, WRITE_SECONDS)

    def history_url(self, base_url: str, run: RunPath) -> str:
        """Where a run's rows can be read as Parquet for an hour."""
        query = self._query(HISTORY, run, "", READ_SECONDS)
        return f"{base_url}/files/{_quoted(run)}/history.parquet?{query}"

    def check(self, method: str, run: RunPath, path: str, until: str, signature: str) -> None:
        """Pass when the URL was made here for this method, run and path, and is still good.

        Raises:
            RefusedError: 403 ``forbidden``.
        """
        good = until.isascii() and until.isdigit() and len(until) <= 12
        wanted = self._signature(method, run, path, until) if good else ""
        if not good or not hmac.compare_digest(wanted.encode(), signature.encode()):
            raise _refused("this URL was not given out by this server")
        if self._clock() > int(until):
            raise _refused("this URL is no longer good")

    def _url(self, base_url: str, method: str, run: RunPath, path: str, seconds: int) -> str:
        query = self._query(method, run, path, seconds)
        return f"{base_url}/files/{_quoted(run)}/content/{quote(path)}?{query}"

    def _query(self, method: str, run: RunPath, path: str, seconds: int) -> str:
        until = str(int(self._clock()) + seconds)
        return f"until={until}&signature={self._signature(method, run, path, until)}"

    def _signature(self, method: str, run: RunPath, path: str, until: str) -> str:
        # Names of entities, projects and runs have no control characters; a path comes last.
        text = "\0".join((method, until, *run, path))
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def _quoted(run: RunPath) -> str:
    return "/".join(quote(part, safe="") for part in run)


def _refused(what: str) -> RefusedError:
    return RefusedError(what, "ask for a fresh one", status=403, code="forbidden")
