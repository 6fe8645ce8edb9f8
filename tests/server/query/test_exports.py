"""Which runs have a file with all of their rows, and that it is made anew when it is gone."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from server.api_client import Site
from server.held import RUN
from server.making import START, journal_of, rows_of_training

from holdfast.errors import NotFoundError
from holdfast.server.blobstore.contract import storage_full
from holdfast.server.query import Export

ROWS = rows_of_training(50, 3)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def read(export: Export | None) -> list[dict[str, Any]]:
    assert export is not None
    data = b"".join(export.read())
    assert len(data) == export.size
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(data)).to_pylist()
    return rows


def test_all_rows_of_a_run_that_has_ended(site: Site) -> None:
    site.sync(journal_of(ROWS))
    tail = site.queries.export(RUN)
    assert [{key: row[key] for key in ROWS[0]} for row in read(tail)] == ROWS
    site.flush()
    assert read(site.queries.export(RUN)) == read(tail)


def test_a_file_that_was_swept_up_is_made_again_of_the_same_bytes(site: Site) -> None:
    site.sync(journal_of(ROWS))
    site.flush()
    export = site.queries.export(RUN)
    assert export is not None
    before = b"".join(export.read())
    site.held.blobs.delete(export.blob)
    again = site.queries.export(RUN)
    assert again == export
    assert b"".join(again.read()) == before


def test_none_while_more_may_come(site: Site) -> None:
    site.sync(journal_of(ROWS, exit_code=None))
    assert site.queries.export(RUN) is None


def test_none_before_it_is_proven(site: Site) -> None:
    site.chunk(journal_of(ROWS))
    assert site.queries.export(RUN) is None


def test_none_of_a_run_that_went_on(site: Site) -> None:
    site.sync(journal_of(ROWS))
    assert site.queries.export(RUN) is not None
    more = [{**row, "_step": 50 + step} for step, row in enumerate(ROWS)]
    site.sync(journal_of(more, start_time=START + 100))
    assert site.queries.export(RUN) is None


def test_none_of_rows_with_holes(site: Site) -> None:
    site.sync(journal_of([{"a": 1}, {"b": 2}]))
    assert site.queries.export(RUN) is None


def test_none_while_the_disk_is_full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.sync(journal_of(ROWS))

    def full(name: str, chunks: Iterable[bytes]) -> int:
        raise storage_full(f"cannot write blob {name}")

    with monkeypatch.context() as patch:
        patch.setattr(site.held.blobs, "put", full)
        assert site.queries.export(RUN) is None
    assert site.queries.export(RUN) is not None


def test_no_such_run(site: Site) -> None:
    with pytest.raises(NotFoundError):
        site.queries.export(RUN)
