"""The database: its schema, its transactions, and how its refusals are told."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from holdfast.errors import DamagedError, RefusedError, StorageError
from holdfast.server.metastore import MetaStore, contents, migrations, schema
from holdfast.server.metastore.contents import Content


def url(path: Path) -> str:
    return f"sqlite:///{path / 'holdfast.db'}"


def project(name: str) -> Any:
    return insert(schema.projects).values(entity="e", name=name, created_at=1.0)


def count(store: MetaStore) -> int:
    with store.read() as tx:
        return int(tx.execute(select(func.count()).select_from(schema.projects)).scalar_one())


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))
    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.METADATA) == []
    store.close()


def test_a_database_of_the_first_schema_keeps_its_rows(tmp_path: Path) -> None:
    engine = create_engine(url(tmp_path))
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO projects VALUES (1, 'e', 'p', 0)",
            (
                "INSERT INTO runs (project_id, run_id, heard_at, created_at, started_at, changed)"
                " VALUES (1, 'r', 0, 0, 0, 0)"
            ),
            (
                "INSERT INTO journals (id, run_pk, journal, started_at, heard_at, records)"
                """ VALUES (1, 1, 'j', 0, 0, '{"run": 1, "preempting": 1}')"""
            ),
            "INSERT INTO contents VALUES (1, 'e', 'sha256:x', 'packs/a', 7, 5, 0)",
        ):
            connection.execute(text(statement))
    engine.dispose()
    store = MetaStore(url(tmp_path))
    with store.read() as tx:
        assert tx.execute(select(schema.journals.c.journal, schema.journals.c.role)).all() == [
            ("j", "")
        ]
        marks = (schema.runs.c.stop_requested_at, schema.runs.c.preempting)
        assert tx.execute(select(*marks)).all() == [(None, True)]
        lies = Content("sha256:x", size=5, blob="packs/a", offset=7, data=None)
        assert contents.find(tx, "e", "sha256:x") == lies
    store.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    first = MetaStore(url(tmp_path))
    with first.write() as tx:
        tx.execute(project("a"))
    first.close()
    second = MetaStore(url(tmp_path))
    assert count(second) == 1
    second.close()


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    MetaStore(url(tmp_path)).close()
    with sqlite3.connect(tmp_path / "holdfast.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(DamagedError, match="newer Holdfast"):
        MetaStore(url(tmp_path))


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "holdfast.db").write_bytes(b"this is a text file, and not a short one\n" * 500)
    with pytest.raises(DamagedError, match="not a database"):
        MetaStore(url(tmp_path))
    with pytest.raises(StorageError, match="metastore"):
        MetaStore(url(tmp_path / "no" / "such"))


def test_a_write_that_raises_never_was(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))

    def stopped() -> None:
        with store.write() as tx:
            tx.execute(project("a"))
            raise RuntimeError("stop")

    def twice() -> None:
        with store.write() as tx:
            tx.execute(project("a"))
            tx.execute(project("a"))

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    with pytest.raises(IntegrityError):
        twice()
    assert count(store) == 0
    store.close()


def test_a_reader_sees_one_state(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))
    counting = select(func.count()).select_from(schema.projects)
    with store.read() as reading:
        assert reading.execute(counting).scalar() == 0
        with store.write() as tx:
            tx.execute(project("a"))
        assert reading.execute(counting).scalar() == 0
    assert count(store) == 1
    store.close()


def test_many_writers_queue(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))
    other = MetaStore(url(tmp_path))
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for n in range(10):
                with (store, other)[number % 2].write() as tx:
                    tx.execute(project(f"{number}-{n}"))
        except BaseException as error:  # noqa: BLE001  told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert count(store) == 80
    store.close()
    other.close()


def test_commits_are_synced(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))
    with store.read() as tx:
        assert tx.execute(text("PRAGMA synchronous")).scalar() == 2
        assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))

    def fill() -> None:
        with store.write() as tx:
            pages = tx.execute(text("PRAGMA page_count")).scalar_one()
            tx.execute(text(f"PRAGMA max_page_count={pages}"))
            for n in range(1000):
                tx.execute(project(f"{n}" * 100))

    with pytest.raises(RefusedError) as caught:
        fill()
    assert (caught.value.status, caught.value.code) == (507, "storage_full")
    store.close()


def test_a_busy_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.server.metastore.store._BUSY_SECONDS", 0.05)
    store = MetaStore(url(tmp_path))
    with sqlite3.connect(tmp_path / "holdfast.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RefusedError) as caught, store.write() as tx:
            tx.execute(project("a"))
        assert (caught.value.status, caught.value.code) == (503, "unavailable")
        other.execute("ROLLBACK")
    other.close()
    with store.write() as tx:
        tx.execute(project("a"))
    store.close()


def test_connections_rest_and_are_taken_again(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))

    def taken() -> Any:
        with store.read() as tx:
            return tx.connection.dbapi_connection

    first = taken()
    with store.write() as tx:
        assert tx.connection.dbapi_connection is first
        with store.read() as other:
            assert other.connection.dbapi_connection is not first
    assert taken() is first

    def refused() -> None:
        with store.write() as tx:
            tx.execute(project("a"))
            raise RefusedError("no", "never", status=404, code="not_found")

    with pytest.raises(RefusedError):
        refused()
    assert taken() is first
    assert count(store) == 0

    with pytest.raises(StorageError), store.read() as tx:
        tx.exec_driver_sql("SELECT * FROM nowhere")
    assert taken() is not first
    store.close()


def test_a_crowd_leaves_few_connections(tmp_path: Path) -> None:
    store = MetaStore(url(tmp_path))
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(store.read())
    assert len(store._resting) == 16
    assert count(store) == 0
    store.close()
