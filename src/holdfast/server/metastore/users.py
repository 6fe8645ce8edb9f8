"""Users and their API keys.

Owns who exists, and that a key is kept as its digest only. Must not know HTTP, sessions or where
keys are saved on the user's side.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, exc, func, insert, select

from holdfast.errors import NotFoundError, UsageError
from holdfast.ids import check_entity
from holdfast.server.metastore.schema import api_keys
from holdfast.server.metastore.schema import users as users_table
from holdfast.server.metastore.store import MetaStore, Transaction

__all__ = ["MIN_KEY_LENGTH", "User", "UserEntry", "Users", "new_key"]

MIN_KEY_LENGTH = 20


@dataclass(frozen=True)
class User:
    """One who may sign in. The name is also the entity where the user's runs live."""

    name: str


@dataclass(frozen=True)
class UserEntry:
    """A user as the list of users shows one; ``created_at`` in Unix seconds."""

    name: str
    keys: int
    created_at: float


class Users:
    """The users of one server.

    Example:
        >>> key = Users(store).add("ada")
        >>> Users(store).of_key(key)
        User(name='ada')
    """

    def __init__(self, store: MetaStore) -> None:
        self._store = store

    def add(self, name: str, key: str | None = None) -> str:
        """Make a user with one API key and return the key, which is kept nowhere.

        Raises:
            UsageError: the name is illegal or taken, or the key is too short or in use.
        """
        check_entity(name)
        with self._store.write() as tx:
            if _user_id(tx, name) is not None:
                raise UsageError(f"user {name!r} exists already", "choose another name")
            tx.execute(insert(users_table).values(name=name, created_at=time.time()))
            return _add_key(tx, _must_exist(tx, name), key)

    def add_key(self, name: str) -> str:
        """Give a user one more API key and return it; the user's other keys stay good.

        Raises:
            NotFoundError: there is no such user.
        """
        with self._store.write() as tx:
            return _add_key(tx, _must_exist(tx, name), None)

    def remove(self, name: str) -> None:
        """Remove a user and the user's keys; runs stay.

        Raises:
            NotFoundError: there is no such user.
        """
        with self._store.write() as tx:
            user_id = _must_exist(tx, name)
            tx.execute(delete(api_keys).where(api_keys.c.user_id == user_id))
            tx.execute(delete(users_table).where(users_table.c.id == user_id))

    def list(self) -> list[UserEntry]:
        """All users by name."""
        query = (
            select(users_table.c.name, func.count(api_keys.c.id), users_table.c.created_at)
            .select_from(users_table.outerjoin(api_keys))
            .group_by(users_table.c.id, users_table.c.name, users_table.c.created_at)
            .order_by(users_table.c.name)
        )
        with self._store.read() as tx:
            return [UserEntry(*row) for row in tx.execute(query)]

    def find(self, name: str) -> User | None:
        """The user of this name."""
        with self._store.read() as tx:
            return User(name) if _user_id(tx, name) is not None else None

    def of_key(self, key: str) -> User | None:
        """The user whose API key this is."""
        query = (
            select(users_table.c.name)
            .join(api_keys, api_keys.c.user_id == users_table.c.id)
            .where(api_keys.c.digest == _digest(key))
        )
        with self._store.read() as tx:
            name = tx.execute(query).scalar_one_or_none()
        return None if name is None else User(name)


def new_key() -> str:
    """A fresh API key: 40 hex digits, the form that every wandb client accepts."""
    return secrets.token_hex(20)


def _user_id(tx: Transaction, name: str) -> int | None:
    return tx.execute(select(users_table.c.id).where(users_table.c.name == name)).scalar()


def _must_exist(tx: Transaction, name: str) -> int:
    user_id = _user_id(tx, name)
    if user_id is None:
        raise NotFoundError(f"no user {name!r}", "see 'holdfast users list'")
    return user_id


def _add_key(tx: Transaction, user_id: int, key: str | None) -> str:
    if key is None:
        key = new_key()
    elif len(key) < MIN_KEY_LENGTH or key != key.strip() or not key.isprintable():
        raise UsageError(
            f"an API key of {len(key)} characters, or with spaces around it",
            f"give at least {MIN_KEY_LENGTH} printable characters, or leave --api-key out",
        )
    try:
        row = {"user_id": user_id, "digest": _digest(key), "created_at": time.time()}
        tx.execute(insert(api_keys).values(**row))
    except exc.IntegrityError as error:
        raise UsageError("this API key is in use already", "give another one") from error
    return key


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
