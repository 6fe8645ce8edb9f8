"""`holdfast users`: keys shown once, stored hashed; errors in one line."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path

import pytest

from holdfast.cli.main import main
from holdfast.server.app import open_users


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def users(data: Path, *words: str) -> int:
    return main(["users", words[0], *words[1:], "--data", str(data)])


def test_a_new_key_is_shown_once_and_kept_as_a_digest(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users(data, "add", "ada") == 0
    found = re.search(r"\b[0-9a-f]{40}\b", capsys.readouterr().out)
    assert found
    with open_users(data) as known:
        assert known.of_key(found[0]) == known.find("ada")
    with contextlib.closing(sqlite3.connect(data / "holdfast.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert found[0].encode() not in (data / "holdfast.db").read_bytes()
    assert users(data, "list") == 0
    said = capsys.readouterr().out
    assert "ada\t1 key\t" in said
    assert found[0] not in said


def test_a_key_of_one_s_own(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = "correct-horse-battery-staple"
    assert users(data, "add", "ada", "--api-key", key) == 0
    assert key in capsys.readouterr().out
    with open_users(data) as known:
        assert known.of_key(key) == known.find("ada")


@pytest.mark.parametrize(
    ("words", "exit_code", "part"),
    [
        (("add", "ada"), 2, "exists already"),
        (("add", "a/b"), 2, "not allowed"),
        (("add", "bob", "--api-key", "short"), 2, "20"),
        (("add", "bob", "--api-key", " " + "x" * 30), 2, "spaces"),
        (("add", "bob", "--api-key", "k" * 40), 2, "in use"),
        (("remove", "bob"), 8, "no user 'bob'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    data: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    exit_code: int,
    part: str,
) -> None:
    assert users(data, "add", "ada", "--api-key", "k" * 40) == 0
    capsys.readouterr()
    assert users(data, *words) == exit_code
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert part in said
    with open_users(data) as known:
        assert [entry.name for entry in known.list()] == ["ada"]


def test_a_removed_user_is_gone_and_the_name_is_free(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert users(data, "add", "ada", "--api-key", "k" * 40) == 0
    assert users(data, "remove", "ada") == 0
    with open_users(data) as known:
        assert known.of_key("k" * 40) is None
        assert known.list() == []
    assert users(data, "add", "ada", "--api-key", "k" * 40) == 0
    assert "removed ada" in capsys.readouterr().out


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert users(tmp_path / "file" / "data", "list") == 7
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--data" in said
