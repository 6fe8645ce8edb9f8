"""Users found a moment ago: who asks again within seconds costs no look into the database.

Owns how long a key is taken without looking again. Must not know HTTP or sessions.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from holdfast.server.metastore.users import User, Users

__all__ = ["KnownUsers"]

_SECONDS = 3.0  # removing a user takes this long
_MAX_KEPT = 1000


class KnownUsers:
    """`Users`, with those kept that were found last. All methods may run in several threads.

    Args:
        users: of the server.
        clock: seconds that only grow: a removed key must not live on where the time is set back.

    Example:
        >>> known = KnownUsers(users)
        >>> known.recent_of_key(key) or known.of_key(key)
        User(name='ada')
    """

    def __init__(self, users: Users, clock: Callable[[], float] = time.monotonic) -> None:
        self._users = users
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[User, float]] = {}

    def of_key(self, key: str) -> User | None:
        """The user whose API key this is."""
        return self._keep(_key(key), self._users.of_key(key))

    def find(self, name: str) -> User | None:
        """The user of this name."""
        return self._keep(("name", name), self._users.find(name))

    def recent_of_key(self, key: str) -> User | None:
        """The same as `of_key` without waiting; None also when it was not asked lately."""
        return self._recent(_key(key))

    def recent(self, name: str) -> User | None:
        """The same as `find` without waiting; None also when it was not asked lately."""
        return self._recent(("name", name))

    def _recent(self, proof: tuple[str, str]) -> User | None:
        user, until = self._kept.get(proof, (None, 0.0))
        return user if self._clock() < until else None

    def _keep(self, proof: tuple[str, str], user: User | None) -> User | None:
        if user is None:
            self._kept.pop(proof, None)
            return None
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[proof] = user, self._clock() + _SECONDS
        return user


def _key(key: str) -> tuple[str, str]:
    """What a key is kept as: its digest."""
    return "key", hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
