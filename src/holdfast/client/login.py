"""`login`: keep an API key for an address. No network: whether a key is right shows at the sync.

Owns asking for the key. Must not know how keys are stored or used.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from holdfast.client.notice import Notices
from holdfast.errors import UsageError
from holdfast.settings import key_for, load, save_key

__all__ = ["login"]


def login(
    key: str | None = None, host: str | None = None, relogin: bool | None = None, **other: Any
) -> bool:
    """Keep an API key for a server's address, for `holdfast sync`.

    Args:
        key: the key; without one, a key that is known already will do, else it is asked for
            when there is a terminal.
        host: the server's address; by default the one of the settings.
        relogin: ask for a key also when one is known.
        other: arguments of wandb's login, which change nothing here.

    Returns:
        Whether there is a key for the address now.

    Raises:
        UsageError: the address or the key is none, or an argument is unknown.
        StorageError: the key cannot be written down.

    Example:
        >>> holdfast.login(key="…", host="https://lab.example")      # doctest: +SKIP
    """
    unknown = other.keys() - {"anonymous", "force", "timeout", "verify", "referrer"}
    if unknown:
        raise UsageError(f"login() has no argument {min(unknown)!r}", "see help(holdfast.login)")
    settings = load({"base_url": host} if host else {}, os.environ)
    notices = Notices(silent=settings.silent, quiet=settings.quiet)
    if not key and not relogin and key_for(settings.base_url) is not None:
        return True
    if not key and sys.stdin is not None and sys.stdin.isatty():
        import getpass

        key = getpass.getpass(f"holdfast: API key for {settings.base_url}: ")
    if not key:
        notices.say(
            f"no API key for {settings.base_url}: runs are logged all the same, and sync when "
            "there is one (holdfast login)"
        )
        return False
    path = save_key(settings.base_url, key)
    notices.say(f"the key for {settings.base_url} is kept in {path}")
    return True
