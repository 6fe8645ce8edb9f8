"""Imports in the web UI point downwards, and the UI loads nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from house.tree import ROOT, files

_SOURCE = ROOT / "web/src"
# From the ground up. Folders on one floor are strangers to each other.
FLOORS = (("lib",), ("api", "charts"), ("state",), ("views",), ("main",))

_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")
_FILES = [
    path for path in files() if _SOURCE in path.parents and path.suffix in {".ts", ".tsx", ".css"}
]


def _folder(path: Path) -> str:
    parts = path.relative_to(_SOURCE).parts
    return parts[0] if len(parts) > 1 else "main"


def _floor(folder: str) -> int:
    for number, folders in enumerate(FLOORS):
        if folder in folders:
            return number
    raise AssertionError(f"web/src/{folder} has no floor: give it one in this file")


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.relative_to(_SOURCE).as_posix())
def test_imports_point_downwards(path: Path) -> None:
    own = _folder(path)
    wrong = [
        target
        for target in _IMPORT.findall(path.read_text(encoding="utf-8"))
        if (folder := _folder((path.parent / target).resolve())) != own
        and _floor(folder) >= _floor(own)
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.relative_to(_SOURCE).as_posix())
def test_nothing_is_loaded_from_outside(path: Path) -> None:
    found = re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}/\S*", path.read_text(encoding="utf-8"))
    assert not [address for address in found if "www.w3.org" not in address]
