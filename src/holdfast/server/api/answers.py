"""Answers: JSON bodies, the rows of NDJSON, and the error body for each thing that can go wrong.

Owns the one place where an exception becomes a status and a code. Must not know which route
failed.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticSerializationError, to_json
from starlette.exceptions import HTTPException

from holdfast.errors import (
    HoldfastError,
    NotFoundError,
    RefusedError,
    StorageError,
    UsageError,
)
from holdfast.records.values import to_strict
from holdfast.wire import ERRORS, error_body
from holdfast.wire.headers import RETRY_AFTER

__all__ = ["answer", "install_error_answers", "ndjson", "refuse"]

_RETRY_SECONDS = "2"
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer. ``value`` says non-finite numbers already in strict form."""
    return Response(_encode(value), status, media_type="application/json")


def ndjson(batches: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """One line of JSON a row, one piece of bytes a batch. Rows may hold non-finite numbers."""
    for rows in batches:
        yield b"".join(_encode_row(row) + b"\n" for row in rows)


def refuse(code: str, message: str, hint: str = "", **extra: object) -> Response:
    """The answer that refuses; ``code`` is one of `holdfast.wire.ERRORS`."""
    response = answer(error_body(code, message, hint, **extra), ERRORS[code].status)
    if code == "unauthorized":
        # Not Basic: a browser would open its own password window over the dashboard.
        response.headers["WWW-Authenticate"] = "Bearer"
    if code in {"rate_limited", "unavailable"}:
        response.headers[RETRY_AFTER] = _RETRY_SECONDS
    return response


def install_error_answers(app: FastAPI) -> None:
    """Make every exception that leaves a route an error body."""
    app.add_exception_handler(HoldfastError, _on_ours)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_parameters)
    app.add_exception_handler(OSError, _on_disk)
    app.add_exception_handler(Exception, _on_defect)


def _encode_row(row: dict[str, Any]) -> bytes:
    """Nearly all rows are finite: looking at the bytes is quicker than at each value."""
    try:
        line = to_json(row, inf_nan_mode="constants")
    except PydanticSerializationError:
        return _encode(to_strict(row))
    return _encode(to_strict(row)) if b"NaN" in line or b"Infinity" in line else line


def _encode(value: Any) -> bytes:
    try:
        return to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:
        # Text with half a surrogate pair: UTF-8 cannot say it, a JSON escape can.
        return json.dumps(value, separators=(",", ":")).encode()


def _on_ours(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HoldfastError)
    if isinstance(error, RefusedError) and error.code in ERRORS:
        return refuse(error.code, error.what, error.do, **_plain(error.detail))
    code = "internal"
    for kind, its_code in (
        (UsageError, "bad_request"),
        (NotFoundError, "not_found"),
        (StorageError, "storage_full"),
    ):
        if isinstance(error, kind):
            code = its_code
    return refuse(code, error.what, error.do)


def _plain(detail: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in detail.items() if key not in {"code", "message", "hint"}}


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 404:
        return refuse("not_found", f"no route {path}", "see /api/v1/openapi.json")
    if error.status_code == 405:
        response = refuse("method_not_allowed", f"{path} does not take {request.method}")
        response.headers.update(error.headers or {})
        return response
    return refuse("bad_request", str(error.detail))


def _on_parameters(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    return refuse("bad_request", f"{name}: {first['msg']}", "see /api/v1/openapi.json")


def _on_disk(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    if error.errno not in _NO_ROOM:
        return _on_defect(request, error)
    return refuse("storage_full", "the server's disk is full", "make room on it, then sync again")


def _on_defect(request: Request, error: Exception) -> Response:
    # The traceback is on the server's standard error; the client learns the kind only.
    return refuse(
        "internal",
        f"{request.method} {request.url.path} failed: {type(error).__name__}",
        "the server's log has the traceback",
    )
