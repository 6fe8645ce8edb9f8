"""The error codes that travel: one table, the body that carries them, and back to an error.

Owns the names that clients may rely on. Must not know which request they answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.errors import AuthError, HoldfastError, RefusedError, UnconfirmedError

__all__ = ["ERRORS", "ErrorCode", "error_body", "refusal"]


@dataclass(frozen=True)
class ErrorCode:
    """A stable error code, the HTTP status it comes with, and what it means."""

    code: str
    status: int
    meaning: str


_TABLE = (
    ErrorCode("bad_request", 400, "malformed body, header, path or parameter"),
    ErrorCode("unauthorized", 401, "no key, or one that this server does not know"),
    ErrorCode("forbidden", 403, "the key is known but may not do this"),
    ErrorCode("not_found", 404, "no such project, run, journal, file or route"),
    ErrorCode("method_not_allowed", 405, "the route exists, the method does not"),
    ErrorCode("position_mismatch", 409, "the chunk does not start where the server stands"),
    ErrorCode("offset_mismatch", 409, "the part of a blob does not start where the server stands"),
    ErrorCode("claim_mismatch", 409, "what is claimed is not what the server holds"),
    ErrorCode("run_deleted", 410, "somebody deleted the run; it is not taken again unasked"),
    ErrorCode("too_large", 413, "the body is over the limit"),
    ErrorCode("digest_mismatch", 422, "the bytes are not what their digest says; send again"),
    ErrorCode("invalid", 422, "well-formed but not acceptable"),
    ErrorCode("rate_limited", 429, "too many requests"),
    ErrorCode("internal", 500, "a defect of the server; nothing was stored"),
    ErrorCode("unavailable", 503, "shutting down or busy"),
    ErrorCode("held_by_relay", 503, "a relay keeps it; the server has not confirmed it yet"),
    ErrorCode("storage_full", 507, "the server's disk is full; nothing was stored"),
)

ERRORS: Mapping[str, ErrorCode] = {row.code: row for row in _TABLE}
"""Every code by its name. ``ERRORS["too_large"].status`` is 413."""


def error_body(code: str, message: str, hint: str = "", **extra: object) -> dict[str, object]:
    """The JSON body of a refusal.

    Args:
        code: a key of `ERRORS`.
        message: what happened, one line.
        hint: what to do, one line; may be empty.
        extra: further fields of this code (``position``, ``offset``, ``limit``, ``missing``…).

    >>> error_body("not_found", "no run team/digits/a", "check the name")["error"]["code"]
    'not_found'
    """
    return {"error": {**extra, "code": ERRORS[code].code, "message": message, "hint": hint}}


def refusal(status: int, body: object) -> HoldfastError | None:
    """The error that a refusal's JSON body says, or None when it is no Holdfast error body.

    401 and 403 become AuthError, ``held_by_relay`` UnconfirmedError (waiting is the relay's work),
    everything else RefusedError with ``status``, ``code`` and the further fields as ``detail``.
    """
    fields = body.get("error") if isinstance(body, dict) else None
    if not isinstance(fields, dict) or not isinstance(fields.get("code"), str):
        return None
    detail = {str(key): value for key, value in fields.items()}
    code = str(detail.pop("code"))
    message = str(detail.pop("message", "") or f"the server answered {status} ({code})")
    hint = str(detail.pop("hint", "") or "")
    if status in {401, 403}:
        return AuthError(message, hint)
    if code == "held_by_relay":
        return UnconfirmedError(message, hint)
    return RefusedError(message, hint, status=status, code=code, detail=detail)
