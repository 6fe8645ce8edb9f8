"""Asking a server: JSON answers, streams of rows, streams of bytes; tried again when they break.

Owns the retries of reading (everything here may be asked twice) and the way from strict JSON to
Python values. Must not know what is asked for.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from holdfast.errors import (
    DamagedError,
    HoldfastError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from holdfast.records.values import from_strict
from holdfast.wire.failures import UntrustedError
from holdfast.wire.http import Connection

__all__ = ["Reader"]

T = TypeVar("T")

_PASSING = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_SECONDS = 5.0


class Reader:
    """Reads from one server.

    Args:
        connection: the server.
        patience: seconds for which a request that fails is tried again.
    """

    def __init__(self, connection: Connection, patience: float) -> None:
        self.connection = connection
        self._patience = patience

    def json(self, path: str, **query: object) -> Any:
        """The JSON answer to a GET, non-finite numbers as floats.

        Raises:
            NotFoundError: the server knows no such thing.
            UnreachableError, AuthError, RefusedError: see `holdfast.wire.http.Connection`.
        """
        target = _target(path, query)

        def ask() -> Any:
            return self.connection.request("GET", target).json()

        return from_strict(self._keep_trying(ask))

    def rows(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """The rows of an NDJSON answer, one by one.

        When the stream breaks, it is asked for again and the rows that were given are skipped.
        """
        target = _target(path, query)
        given = 0
        failures = _Failures(self._patience)
        while True:
            try:
                for number, line in enumerate(self._lines(target)):
                    if number >= given:
                        yield from_strict(_parsed(line))
                        given += 1
                        failures.forget()
            except HoldfastError as error:
                failures.wait(error)
            else:
                return

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of an answer, piece by piece; the caller begins again when it breaks."""
        answer = self._keep_trying(lambda: self.connection.request("GET", path, stream=True))
        return answer.stream()

    def _lines(self, target: str) -> Iterator[bytes]:
        answer = self.connection.request("GET", target, stream=True)
        rest = b""
        for piece in answer.stream():
            lines = (rest + piece).split(b"\n")
            rest = lines.pop()
            yield from lines
        if rest:
            yield rest

    def _keep_trying(self, ask: Callable[[], T]) -> T:
        failures = _Failures(self._patience)
        while True:
            try:
                return ask()
            except HoldfastError as error:
                failures.wait(error)


class _Failures:
    """Failures in a row of one request, and the wait after each."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.forget()

    def forget(self) -> None:
        """There was a success."""
        self._count = 0
        self._since = 0.0

    def wait(self, error: HoldfastError) -> None:
        """Wait before the next try, or raise the error when there is to be none."""
        if isinstance(error, RefusedError) and error.status == 404:
            raise NotFoundError(error.what, error.do) from error
        if not _passes(error):
            raise error
        now = time.monotonic()
        self._since = self._since or now
        self._count += 1
        pause = min(_LONGEST_SECONDS, 0.1 * 2.0 ** min(self._count, 10)) * random.uniform(0.5, 1)
        if isinstance(error, RefusedError):
            after = error.detail.get("retry_after")
            pause = max(pause, float(after) if isinstance(after, str) and after.isdecimal() else 0)
        if now - self._since + pause > self._patience:
            raise error
        time.sleep(pause)


def _passes(error: HoldfastError) -> bool:
    if isinstance(error, RefusedError):
        return error.status in _PASSING
    return isinstance(error, UnreachableError) and not isinstance(error, UntrustedError)


def _target(path: str, query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise DamagedError(
            "a row of the server's answer is no JSON", "try again; if it stays, report it"
        ) from error
