"""Statements that every request runs: made into text once, and given straight to the driver.

SQLAlchemy finds a statement's text again by all of the statement's parts, and dresses up each
result: several times the work that the database has with it (decision 31). Owns the way past both.
Must not know tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.sql.dml import UpdateBase

from holdfast.server.metastore.store import Transaction

__all__ = ["Prepared"]

_Statement = Select[Any] | UpdateBase
_Values = Mapping[str, Any]
_Row = tuple[Any, ...]
_Reader = Callable[[Any], Any]


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
        rows = text.read(cursor)
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
        self._types = [column.type.dialect_impl(dialect) for column in columns]
        self._dialect = dialect
        self._readers: list[tuple[int, _Reader]] | None = None  # known after the first answer

    def arguments(self, values: _Values) -> Any:
        """The values as the driver takes them: in their order, or by name."""
        whole = {**self._own, **values}
        return whole if self._order is None else [whole[name] for name in self._order]

    def read(self, cursor: DBAPICursor) -> Sequence[_Row]:
        """The rows as the types of their columns have them: a Boolean of SQLite's is 0 or 1."""
        if self._readers is None:
            codes = [column[1] for column in cursor.description]  # of types, as the driver says it
            self._readers = list(self._needed(codes))
        rows = cursor.fetchall()
        return [_converted(row, self._readers) for row in rows] if self._readers else rows

    def _needed(self, codes: Sequence[Any]) -> Iterator[tuple[int, _Reader]]:
        """Where a value of the driver's is not yet of its column's type, and what makes it so."""
        for at, (kind, code) in enumerate(zip(self._types, codes, strict=True)):
            reader = kind.result_processor(self._dialect, code)
            if reader is not None:
                yield at, reader


def _converted(row: _Row, readers: Sequence[tuple[int, _Reader]]) -> _Row:
    values = list(row)
    for at, reader in readers:
        values[at] = reader(values[at])
    return tuple(values)
