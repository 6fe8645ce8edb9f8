"""The console by line, the files of a run with ranges, its journals as they were written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server.api_client import Site, journal_path
from server.held import RUN
from server.making import START, Made, journal_of

from holdfast.records import encode
from holdfast.wire import digest_of, make_pack

RUN_PATH = "/api/v1/runs/team/digits/r1"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as site:
        yield site


def with_console(*texts: str, **said: Any) -> Made:
    said_at = said.pop("at", START)
    records = [
        encode.output("stderr" if text.startswith("E") else "stdout", text, said_at + number)
        for number, text in enumerate(texts)
    ]
    return journal_of([], after=records, **said)


def console(site: Site, query: str = "") -> dict[str, Any]:
    answer = site.get(f"{RUN_PATH}/console?{query}")
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def texts(page: dict[str, Any]) -> list[str]:
    return [line["text"] for line in page["lines"]]


@pytest.mark.parametrize("flushed", [False, True])
def test_console_lines_by_page(site: Site, flushed: bool) -> None:
    site.sync(with_console("a\nb", "c\n", "Error\n", "10%\r20%\n"))
    if flushed:
        site.flush()
    page = console(site)
    assert texts(page) == ["a", "bc", "Error", "20%"]
    assert (page["next"], page["total"]) == (None, 4)
    assert page["lines"][2] == {
        "number": 2,
        "stream": "stderr",
        "label": "",
        "timestamp": START + 2,
        "text": "Error",
    }
    first = console(site, "limit=3")
    assert texts(first) == ["a", "bc", "Error"]
    rest = console(site, f"limit=3&after={first['next']}")
    assert [line["number"] for line in rest["lines"]] == [3]
    assert rest["next"] is None


def test_the_last_line_comes_again_because_it_may_have_changed(site: Site) -> None:
    made = with_console("a\n", "10%", exit_code=None)
    site.sync(made)
    assert texts(console(site)) == ["a", "10%"]
    longer = with_console("a\n", "10%", "\r99%", "\nend\n")
    site.chunk(longer, start=len(made.data))
    page = console(site, "after=1")
    assert texts(page) == ["99%", "end"]


def test_two_journals_make_one_console(site: Site) -> None:
    site.sync(with_console("second\n", start_time=START + 100, at=START + 100))
    site.sync(with_console("first\n"))
    assert texts(console(site)) == ["first", "second"]


def add_files(site: Site, made: Made, files: dict[str, bytes]) -> None:
    entries = [
        {"path": path, "size": len(data), "digest": digest_of(data)} for path, data in files.items()
    ]
    pack = make_pack({"files": entries}, [(digest_of(data), data) for data in files.values()])
    assert site.ask("POST", f"{journal_path(made)}/files", content=pack).json() == {"missing": []}


def test_files_are_listed_and_served(site: Site) -> None:
    made = journal_of([])
    site.sync(made)
    data = bytes(range(256)) * 10
    add_files(site, made, {"media/ü b.bin": data, "config.yaml": b"a: 1\n"})
    listed = site.get(f"{RUN_PATH}/files").json()["files"]
    assert [(row["path"], row["size"], row["journal"]) for row in listed] == [
        ("config.yaml", 5, made.journal),
        ("media/ü b.bin", 2560, made.journal),
    ]
    answer = site.get(f"{RUN_PATH}/files/media/%C3%BC%20b.bin")
    assert answer.content == data
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%20b.bin"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert hashlib.sha256(data).hexdigest() in answer.headers["etag"]


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=95-", 206, (95, 100)),
        ("bytes=-5", 206, (95, 100)),
        ("bytes=90-1000", 206, (90, 100)),
        ("bytes=5-4", 200, (0, 100)),
        ("bytes=0-1,3-4", 200, (0, 100)),
        ("lines=1-2", 200, (0, 100)),
        ("bytes=100-", 416, (0, 0)),
    ],
)
def test_ranges(site: Site, asked: str, status: int, span: tuple[int, int]) -> None:
    made = journal_of([])
    site.sync(made)
    data = bytes(range(100))
    add_files(site, made, {"a.bin": data, "b.bin": b"before or behind it in the pack"})
    answer = site.get(f"{RUN_PATH}/files/a.bin", headers={"Range": asked})
    assert answer.status_code == status
    assert answer.content == data[slice(*span)]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/100"


def test_pictures_may_be_shown_in_place_and_pages_never(site: Site) -> None:
    made = journal_of([])
    site.sync(made)
    script = b"<script>fetch('/api/v1/viewer')</script>"
    add_files(site, made, {"a.png": b"png", "a.html": script, "a.svg": b"<svg/>"})
    assert site.get(f"{RUN_PATH}/files/a.png").headers["content-disposition"].startswith("inline")
    for name in ("a.html", "a.svg"):
        answer = site.get(f"{RUN_PATH}/files/{name}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["content-type"] == "application/octet-stream"


def test_of_two_journals_the_later_files_count(site: Site) -> None:
    first = journal_of([])
    later = journal_of([], start_time=START + 100)
    site.sync(first)
    site.sync(later)
    add_files(site, later, {"a.txt": b"later"})
    add_files(site, first, {"a.txt": b"first", "b.txt": b"only here"})
    listed = site.get(f"{RUN_PATH}/files").json()["files"]
    assert [(row["path"], row["journal"]) for row in listed] == [
        ("a.txt", later.journal),
        ("b.txt", first.journal),
    ]
    assert site.get(f"{RUN_PATH}/files/a.txt").content == b"later"


def test_a_journal_comes_back_as_it_was_written(site: Site) -> None:
    made = journal_of([{"a": step} for step in range(100)])
    half = Made(made.data[: made.ends[50]], made.journal)
    assert site.chunk(half).status_code == 200
    site.flush()
    assert site.chunk(made, start=len(half.data)).status_code == 200
    answer = site.get(f"{journal_path(made)}/content")
    assert answer.content == made.data
    assert answer.headers["content-length"] == str(len(made.data))
    assert "run-r1.wandb" in answer.headers["content-disposition"]
    assert RUN.run_id == "r1"
