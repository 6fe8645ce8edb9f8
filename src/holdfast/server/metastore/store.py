"""The database: opening it, bringing it to the present schema, and transactions.

Owns the engine, its dialect's one spot of special settings, and the translation of the
database's errors. Must not know which statements run in a transaction, Parquet or HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, NullPool, event, exc

from holdfast.errors import DamagedError, HoldfastError, RefusedError, StorageError
from holdfast.server.metastore import migrations

__all__ = ["MetaStore", "Transaction"]

Transaction = Connection
"""An open transaction, as the functions of this room take it."""

_BUSY_SECONDS = 30.0
_MOST_RESTING = 16  # each keeps some MiB of pages


class MetaStore:
    """A database of Holdfast's tables, at the present schema once constructed.

    Args:
        url: as SQLAlchemy names it, e.g. ``sqlite:////data/holdfast.db``.

    Raises:
        StorageError: the database cannot be opened or written.
        DamagedError: it is none, or one of a newer Holdfast.
        RefusedError: 507 ``storage_full``.

    Example:
        >>> store = MetaStore("sqlite:///holdfast.db")
        >>> with store.read() as tx:
        ...     tx.execute(select(schema.runs))
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        # SQLite has one writer at a time; those that wait at this lock are woken, those that
        # wait at SQLite's own poll with growing pauses and can starve.
        self._writer = threading.Lock()
        self._resting: list[Connection] = []
        try:
            with self.write() as tx:
                migrations.upgrade(tx)
        except BaseException:
            self.close()  # nobody else can: there is no store to close
            raise

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state of the database and changes nothing."""
        with self._translated(), self._connection() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        """A transaction that is done when the block ends, and never was when it raises.

        Args:
            durable: it survives a power cut, and so does every transaction before it. Without,
                a power cut may take it back, whole; a kill of the process does not. Chunks and
                files are written so: what is promised is the receipt, and it is durable.
        """
        with self._translated(), self._writer, self._connection() as connection:
            connection.info["writes"] = "FULL" if durable else "NORMAL"
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        while self._resting:
            self._resting.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """The connection that rested last, or a new one; one on which something failed is closed.

        Taking it out of SQLAlchemy's pool each time would cost as much as a small transaction.
        """
        try:
            connection = self._resting.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            yield connection
        except HoldfastError:  # a word of ours, "no such run" for one: nothing is wrong with it
            self._rest(connection)
            raise
        except BaseException:
            connection.close()
            raise
        self._rest(connection)

    def _rest(self, connection: Connection) -> None:
        if len(self._resting) < _MOST_RESTING:
            self._resting.append(connection)
        else:
            connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the database's refusals into ours; defects (a wrong statement, say) pass through."""
        driver: Any = self._engine.dialect.loaded_dbapi
        try:
            yield
        except (exc.DBAPIError, driver.Error) as error:
            cause = error.orig if isinstance(error, exc.DBAPIError) else error
            if isinstance(cause, driver.OperationalError):
                raise _refusal(str(cause)) from error
            if type(cause) is not driver.DatabaseError:
                raise  # a constraint, a wrong statement: ours
            raise DamagedError(
                f"the metastore cannot be read: {cause}", "restore the data folder from a backup"
            ) from error


def _engine(url: str) -> Engine:
    engine = sqlalchemy.create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    """The one spot that speaks to SQLite alone."""

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver would begin transactions itself, late and deferred; _begin does instead.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # FULL syncs the write-ahead log at the commit, and with it all that stands in it; after
        # NORMAL the log is whole too, but its end may be lost.
        info = connection.info
        sync = info.pop("writes", None)
        driver: Any = connection.connection.driver_connection
        if sync is not None and info.get("synchronous") != sync:  # it holds until it is set again
            driver.execute(f"PRAGMA synchronous={sync}")
            info["synchronous"] = sync
        driver.execute("BEGIN" if sync is None else "BEGIN IMMEDIATE")


def _refusal(text: str) -> RefusedError | StorageError:
    if "is full" in text:  # SQLite: "database or disk is full"
        return RefusedError(
            f"the metastore cannot be written: {text}; nothing was stored",
            "free space on the server, then send again",
            status=507,
            code="storage_full",
        )
    if "locked" in text or "busy" in text:
        return RefusedError(
            f"the metastore is busy: {text}", "try again", status=503, code="unavailable"
        )
    return StorageError(
        f"the metastore cannot be used: {text}", "look at the disk and the data folder's rights"
    )
