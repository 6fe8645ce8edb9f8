"""Who asks: API keys, the browser's session cookie, and the one-time links that make one.

Owns how a request proves who it is from. Must not know what users may do, or how keys are kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.errors import RefusedError
from holdfast.server.metastore.known import KnownUsers
from holdfast.server.metastore.users import User
from holdfast.wire.headers import key_in

__all__ = ["SESSION_COOKIE", "Authority"]

SESSION_COOKIE = "holdfast_session"

_SESSION_SECONDS = 30 * 24 * 3600
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Authority:
    """Says who a request is from.

    Args:
        users: where users and the digests of their keys are.
        secret: signs the session cookies; whoever knows it can be anybody.
        clock: Unix time in seconds.
    """

    def __init__(
        self, users: KnownUsers, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._users = users
        self._secret = secret
        self._clock = clock
        self._links: dict[str, str] = {}

    async def user_of(self, request: Request) -> User:
        """The user whose key or session the request carries.

        Raises:
            RefusedError: 401 when there is none or it is not known, 403 when another site's page
                sent the request.
        """
        key = key_in(request.headers.get("authorization", ""))
        if key:
            return await self._user_of_key(key)
        name = self._session_name(request.cookies.get(SESSION_COOKIE, ""))
        if not name:
            raise _unauthorized("no API key was given")
        _check_same_origin(request)
        return self._known_one(
            self._users.recent(name) or await run_in_threadpool(self._users.find, name)
        )

    async def sign_in_with_key(self, key: str, request: Request, response: Response) -> User:
        """Set the session cookie for the user of a key; RefusedError 401 when it is not known."""
        user = await self._user_of_key(key)
        self._set_cookie(user.name, request, response)
        return user

    def new_link(self, name: str) -> str:
        """A token that `sign_in_with_link` takes once, for as long as this process runs."""
        token = secrets.token_urlsafe(24)
        self._links[token] = name
        return token

    def sign_in_with_link(self, token: str, request: Request, response: Response) -> bool:
        """Set the session cookie when the token is good; a browser already signed in keeps its own.

        Returns:
            False when the token was used before or never given out.
        """
        name = self._links.pop(token, "")
        if name:
            self._set_cookie(name, request, response)
            return True
        return bool(self._session_name(request.cookies.get(SESSION_COOKIE, "")))

    def sign_out(self, response: Response) -> None:
        """Take the session cookie away."""
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")

    async def _user_of_key(self, key: str) -> User:
        return self._known_one(
            self._users.recent_of_key(key) or await run_in_threadpool(self._users.of_key, key)
        )

    def _known_one(self, user: User | None) -> User:
        if user is None:
            raise _unauthorized("this server does not know the API key")
        return user

    def _set_cookie(self, name: str, request: Request, response: Response) -> None:
        response.set_cookie(
            SESSION_COOKIE,
            self._signed(name, int(self._clock()) + _SESSION_SECONDS),
            max_age=_SESSION_SECONDS,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )

    def _signed(self, name: str, until: int) -> str:
        body = base64.urlsafe_b64encode(json.dumps([name, until]).encode()).decode()
        return f"{body}.{self._signature(body)}"

    def _session_name(self, cookie: str) -> str:
        body, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return ""
        name, until = json.loads(base64.urlsafe_b64decode(body))
        return str(name) if self._clock() < until else ""

    def _signature(self, body: str) -> str:
        return hmac.new(self._secret, body.encode(), hashlib.sha256).hexdigest()


def _check_same_origin(request: Request) -> None:
    """Refuse a page of another origin that writes with our cookie.

    SameSite=Strict stops other sites; another port of this host is the same site to a browser.
    """
    if request.method in _SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    if site:
        same = site in {"same-origin", "none"}
    else:
        same = not origin or urlsplit(origin).netloc == request.headers.get("host", "")
    if not same:
        raise RefusedError(
            f"a page of {origin or 'another origin'} may not do this with your session",
            "use an API key",
            status=403,
            code="forbidden",
        )


def _unauthorized(what: str) -> RefusedError:
    return RefusedError(
        what,
        "run 'holdfast login', or send Authorization: Bearer KEY",
        status=401,
        code="unauthorized",
    )
