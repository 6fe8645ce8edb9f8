"""Statements that every request runs: made into text once, and given straight to the driver.

SQLAlchemy finds a statement's text again by all of the statement's parts, and dresses up each
result: several times the work that the database has with it (decision 31). Owns the way past both.
Must not know tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.sql.dml import UpdateBase

from holdfast.server.metastore.store import Transaction

__all__ = ["Prepared"]

_Statement = Select[Any] | UpdateBase
_Values = Mapping[str, Any]
_Row = tuple[Any, ...]


class Prepared:
    """A statement that is run often.

    Values are given by name: those of its `bindparam`, and the columns that an insert or an update
    sets. Lists, as for ``IN``, cannot be given.

    Example:
        >>> find = Prepared(select(runs.c.id).where(runs.c.run_id == bindparam("run_id")))
        >>> find.first(tx, {"run_id": "r1"})
        (7,)
    """

    def __init__(self, statement: _Statement) -> None:
        self._statement = statement
        self._texts: dict[tuple[str, ...], _Text] = {}

    def all(self, tx: Transaction, values: _Values) -> Sequence[_Row]:
        """Every row, with a value for each column of the statement."""
        text = self._text(tx, values)
        cursor = tx.connection.cursor()
        cursor.execute(text.sql, text.arguments(values))
        rows = text.read(cursor.fetchall())
        cursor.close()
        return rows

    def first(self, tx: Transaction, values: _Values) -> _Row | None:
        """The first row; None without any."""
        rows = self.all(tx, values)
        return rows[0] if rows else None

    def value(self, tx: Transaction, values: _Values) -> Any:
        """The first column of the first row; None without any row."""
        row = self.first(tx, values)
        return None if row is None else row[0]

    def change(self, tx: Transaction, *values: _Values) -> int:
        """Run it for each of ``values``, all of the same names; returns how many rows it met."""
        if not values:
            return 0
        text = self._text(tx, values[0])
        cursor = tx.connection.cursor()
        cursor.executemany(text.sql, [text.arguments(one) for one in values])
        count = int(cursor.rowcount)
        cursor.close()
        return count

    def _text(self, tx: Transaction, values: _Values) -> _Text:
        key = (tx.dialect.name, *values)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = _Text(self._statement, tx.dialect, values)
        return text


class _Text:
    """A statement in the words of one kind of database, for values of certain names."""

    def __init__(self, statement: _Statement, dialect: Dialect, values: _Values) -> None:
        names = dict.fromkeys(values)
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        self.sql = compiled.string
        self._order = compiled.positiontup
        whole = compiled.construct_params(names)
        # what the statement says itself, its LIMIT for one
        self._own = {name: value for name, value in whole.items() if name not in names}
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        readers = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
        self._readers = [(at, reader) for at, reader in enumerate(readers) if reader is not None]

    def arguments(self, values: _Values) -> Any:
        """The values as the driver takes them: in their order, or by name."""
        whole = {**self._own, **values}
        return whole if self._order is None else [whole[name] for name in self._order]

    def read(self, rows: Sequence[_Row]) -> Sequence[_Row]:
        """The rows as the types of their columns have them: a Boolean of SQLite's is 0 or 1."""
        return [self._read(row) for row in rows] if self._readers else rows

    def _read(self, row: _Row) -> _Row:
        values = list(row)
        for at, reader in self._readers:
            values[at] = reader(values[at])
        return tuple(values)
