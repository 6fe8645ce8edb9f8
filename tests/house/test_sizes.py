"""No giant file, no giant function. Six parameters at most is ruff's to check (PLR0913)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from house.tree import ROOT, files, parsed

MAX_FILE = 500
MAX_FUNCTION = 60

# Larger than the caps, each for a reason: "path" or "path:function" -> why.
EXCEPTIONS: dict[str, str] = {}

_CODE = [path for path in files() if path.suffix in {".py", ".ts", ".tsx", ".css", ".sh"}]
_PYTHON = [path for path in _CODE if path.suffix == ".py"]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_small() -> None:
    lengths = {_name(path): len(_lines(path)) for path in _CODE}
    large = {name: lines for name, lines in lengths.items() if lines > MAX_FILE}
    assert set(large) <= set(EXCEPTIONS), f"what second noun is in it? {large}"


def test_functions_are_small() -> None:
    long = {
        f"{_name(path)}:{node.name}": length
        for path in _PYTHON
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := _length(node)) > MAX_FUNCTION
    }
    assert set(long) <= set(EXCEPTIONS), long


def test_what_a_linter_is_told_to_pass_has_a_reason() -> None:
    bare = [
        f"{_name(path)}:{number}: {line.strip()}"
        for path in _PYTHON
        for number, line in enumerate(_lines(path), 1)
        if re.search(r"# noqa(?!: [A-Z0-9, ]+\W*\w)", line) and "re.search" not in line
    ]
    assert not bare, "write '# noqa: CODE - why':\n" + "\n".join(bare)


def test_every_exception_is_still_needed() -> None:
    for name in EXCEPTIONS:
        assert (ROOT / name.split(":")[0]).is_file(), f"{name} is gone: take it out of EXCEPTIONS"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, the docstring not counted."""
    first = function.body[0]
    has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    doc = (first.end_lineno or 0) - first.lineno + 1 if has_doc else 0
    return (function.end_lineno or 0) - function.lineno + 1 - doc
