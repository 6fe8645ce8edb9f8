"""Imports in the web UI point downwards, and the UI loads nothing from outside."""

from __future__ import annotations

import re
from pathlib import Path

from house.tree import ROOT, files

_SOURCE = ROOT / "web/src"
# From the ground up. Folders on one floor are strangers to each other.
FLOORS = (("lib",), ("api", "charts"), ("state",), ("views",), ("main",))

_IMPORT = re.compile(r"""(?:from|import)\s*\(?\s*["'](\.[^"']+)["']""")
_ADDRESS = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}/\S*")
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


def test_imports_point_downwards() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in _FILES
        for target in _IMPORT.findall(path.read_text(encoding="utf-8"))
        if (folder := _folder((path.parent / target).resolve())) != _folder(path)
        and _floor(folder) >= _floor(_folder(path))
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_loaded_from_outside() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {address}"
        for path in _FILES
        for address in _ADDRESS.findall(path.read_text(encoding="utf-8"))
        if "www.w3.org" not in address
    ]
    assert not found, "\n".join(found)
