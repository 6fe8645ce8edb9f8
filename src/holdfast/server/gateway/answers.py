"""HTTP answers in the form that wandb clients read.

Owns the body of a refusal and its status. Must not know which route failed.
"""

from __future__ import annotations

import errno
import json
import math
import sys
import traceback
from typing import Any

from starlette.responses import Response

from holdfast.errors import HoldfastError, NotFoundError, RefusedError, StorageError, UsageError
from holdfast.wire import ERRORS
from holdfast.wire.headers import RETRY_AFTER

__all__ = ["answer", "refusal"]

_RETRY_SECONDS = "2"
_LATER = frozenset({429, 503, 507})
_CODES: dict[type[HoldfastError], str] = {
    UsageError: "bad_request",
    NotFoundError: "not_found",
    StorageError: "storage_full",
}
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


def answer(value: Any, status: int = 200) -> Response:
    """A JSON answer; numbers that JSON cannot say become the words that W&B's server sends.

    With a status that asks for another try, it says when.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), separators=(",", ":"))
    response = Response(text, status, media_type="application/json")
    if status in _LATER:
        response.headers[RETRY_AFTER] = _RETRY_SECONDS
    return response


def refusal(error: Exception, where: str) -> Response:
    """The answer to a request that failed. ``where`` is its method and path, for the log."""
    status, message = 500, f"{where} failed: {type(error).__name__}; see the server's log"
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        error = StorageError("the server's disk is full", "make room on it, then try again")
    if isinstance(error, HoldfastError):
        status, message = _status(error), str(error)
    else:
        traceback.print_exception(error, file=sys.stderr)
    # `error` is what newer clients print, `errors` what older ones do.
    response = answer({"error": message, "errors": [{"message": message}]}, status)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="holdfast"'
    return response


def _status(error: HoldfastError) -> int:
    if isinstance(error, RefusedError) and error.status:
        return error.status
    for kind, code in _CODES.items():
        if isinstance(error, kind):
            return ERRORS[code].status
    return ERRORS["internal"].status


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
