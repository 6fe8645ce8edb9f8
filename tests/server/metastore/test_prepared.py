"""Prepared statements: the same rows, types and refusals as by SQLAlchemy's own way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, bindparam, delete, insert, select, update

from holdfast.errors import StorageError
from holdfast.server.metastore import MetaStore, Transaction
from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.schema import projects, runs

NAMED = Prepared(select(projects.c.id).where(projects.c.name == bindparam("name")))
ADD = Prepared(insert(projects))
RUN = {"project_id": 1, "heard_at": 0.5, "created_at": 0.5, "started_at": 0.5, "changed": 0}


def project(name: str) -> dict[str, Any]:
    return {"entity": "e", "name": name, "created_at": 1.5}


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Transaction]:
    store = MetaStore(f"sqlite:///{tmp_path / 'holdfast.db'}")
    with store.write() as tx:
        ADD.change(tx, project("a"))
        yield tx
    store.close()


def test_a_row_is_found_by_its_values(tx: Transaction) -> None:
    assert NAMED.first(tx, {"name": "a"}) == (1,)
    assert NAMED.value(tx, {"name": "a"}) == 1
    assert NAMED.first(tx, {"name": "b"}) is None
    assert NAMED.value(tx, {"name": "b"}) is None


def test_a_value_that_is_missing_is_no_null(tx: Transaction) -> None:
    with pytest.raises(Exception, match="name"):
        NAMED.first(tx, {})
    with pytest.raises(KeyError):
        ADD.change(tx, project("b"), {"entity": "e", "name": "c"})


def test_what_the_statement_says_itself_is_kept(tx: Transaction) -> None:
    ADD.change(tx, project("b"), project("c"))
    last = select(projects.c.name).where(projects.c.entity == "e").order_by(projects.c.id.desc())
    assert Prepared(last.limit(2)).all(tx, {}) == [("c",), ("b",)]


@pytest.mark.parametrize("statement", [select(runs), select(runs.c.preempting, runs.c.heard_at)])
def test_values_have_the_types_of_their_columns(tx: Transaction, statement: Select[Any]) -> None:
    Prepared(insert(runs)).change(tx, {**RUN, "run_id": "x", "preempting": True})
    found = Prepared(statement).first(tx, {})
    expected = tx.execute(statement).one()
    assert found is not None
    assert [(type(one), one) for one in found] == [(type(one), one) for one in expected]


def test_one_statement_sets_whichever_columns_it_is_given(tx: Transaction) -> None:
    change = Prepared(update(projects).where(projects.c.name == bindparam("the_name")))
    assert change.change(tx, {"the_name": "a", "created_at": 2.5}) == 1
    assert change.change(tx, {"the_name": "a", "entity": "f", "created_at": 3.5}) == 1
    assert change.change(tx, {"the_name": "b", "entity": "f"}) == 0
    assert tx.execute(select(projects.c.entity, projects.c.created_at)).one() == ("f", 3.5)


def test_rows_are_counted_over_all_values(tx: Transaction) -> None:
    assert ADD.change(tx) == 0
    assert ADD.change(tx, project("b"), project("c")) == 2
    gone = Prepared(delete(projects).where(projects.c.name == bindparam("name")))
    assert gone.change(tx, {"name": "b"}, {"name": "c"}, {"name": "d"}) == 2


def test_refusals_of_the_driver_are_told_as_ours(tmp_path: Path) -> None:
    store = MetaStore(f"sqlite:///{tmp_path / 'holdfast.db'}")
    with store.read() as tx:
        tx.exec_driver_sql("PRAGMA query_only=1")  # of the one connection that there is
    with pytest.raises(StorageError, match="readonly"), store.write() as tx:
        ADD.change(tx, project("a"))
    with store.read() as tx:
        assert NAMED.first(tx, {"name": "a"}) is None
    store.close()
