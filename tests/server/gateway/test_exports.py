"""`parquetHistory`, and the file at the address that it gives."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from server.api_client import Site
from server.gateway.asking import Graph
from server.gateway.telling import Client, posted, row
from server.making import START, journal_of, rows_of_training

from holdfast.server.gateway.signing import READ_SECONDS

QUERY = """{ project(name: "digits", entityName: "team") { run(name: "r1") {
    parquetHistory(liveKeys: ["_step"]) { parquetUrls liveData } } } }"""
LIVE = {"parquetUrls": [], "liveData": [{"_step": 0}]}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def asked(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = Graph(site)(QUERY)["project"]["run"]["parquetHistory"]
    return found


def address(site: Site) -> str:
    found = asked(site)
    assert found["liveData"] == []
    [url] = found["parquetUrls"]
    assert url.startswith("http://127.0.0.1:8080/files/team/digits/r1/history.parquet?until=")
    return str(url)


def test_a_file_that_is_read_without_a_key_whole_and_in_parts(site: Site) -> None:
    rows = rows_of_training(20, 2)
    site.sync(journal_of(rows))
    url = address(site)
    whole = site.ask("GET", url, key=None)
    assert whole.status_code == 200
    table = pq.read_table(io.BytesIO(whole.content)).to_pylist()
    assert [{key: row[key] for key in rows[0]} for row in table] == rows
    part = site.ask("GET", url, key=None, headers={"Range": "bytes=0-0"})
    assert part.status_code == 206
    assert part.headers["Content-Range"] == f"bytes 0-0/{len(whole.content)}"
    end = site.ask("GET", url, key=None, headers={"Range": f"bytes={len(whole.content) - 8}-"})
    assert end.content == whole.content[-8:]


def test_the_address_is_good_for_this_run_and_an_hour(site: Site) -> None:
    site.sync(journal_of(rows_of_training(3, 1)))
    url = address(site)
    for other in (
        url.replace("/r1/", "/r2/"),
        url.replace("history.parquet", "content/history.parquet"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
    ):
        assert site.ask("GET", other, key=None).status_code == 403, other
    site.now += READ_SECONDS + 1
    assert site.ask("GET", url, key=None).status_code == 403


def test_a_run_that_goes_on_has_no_file_any_more(site: Site) -> None:
    site.sync(journal_of([{"a": 1}]))
    url = address(site)
    site.sync(journal_of([{"_step": 1, "a": 1}], start_time=START + 100))
    assert asked(site) == LIVE
    assert site.ask("GET", url, key=None).status_code == 404


def test_rows_with_holes_are_read_by_pages(site: Site) -> None:
    site.sync(journal_of([{"a": 1}, {"b": 2}]))
    assert asked(site) == LIVE


def test_a_run_without_rows_is_all_there(site: Site) -> None:
    site.sync(journal_of([]))
    assert asked(site) == {"parquetUrls": [], "liveData": []}


def test_a_run_of_a_wandb_client_once_it_has_ended(site: Site) -> None:
    client = Client(site)
    client.upsert()
    client.take(posted(history=(0, [row(0, loss=1), row(1, loss=0.5)])))
    assert asked(site) == LIVE
    client.take(posted(complete=True, exitcode=0))
    table = pq.read_table(io.BytesIO(site.ask("GET", address(site), key=None).content))
    assert table.column("loss").to_pylist() == [1, 0.5]
