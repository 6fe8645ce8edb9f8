"""Text files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.rundir import replace_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert replace_text(path, "one") == 3
    assert replace_text(path, "two \ud800") == 10
    assert path.read_bytes() == b"two \\ud800"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_says_no(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        replace_text(tmp_path / "missing" / "a.json", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace_text(tmp_path / "folder", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
