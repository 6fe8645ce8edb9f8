"""What the house tests look at: the files of the repository and the modules of the package."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PACKAGE", "ROOT", "files", "imports", "module_name", "modules", "parsed", "room"]

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src/holdfast"


@functools.cache
def files() -> tuple[Path, ...]:
    """All files that are in the repository or are about to be: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def modules() -> Iterator[Path]:
    """The Python files of the package."""
    return (path for path in files() if path.suffix == ".py" and PACKAGE in path.parents)


def module_name(path: Path) -> str:
    """``src/holdfast/wire/http.py`` is ``holdfast.wire.http``."""
    parts = list(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The room of a module: ``wire``, ``server/api``, or ``holdfast`` for the package itself.

    >>> room("holdfast.wire.http"), room("holdfast.server.api.chunks"), room("holdfast.server")
    ('wire', 'server/api', 'server')
    """
    parts = module.split(".")[1:]
    if not parts:
        return "holdfast"
    return "/".join(parts[:2]) if parts[0] == "server" else parts[0]


@functools.cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, as (dotted name, line).

    ``from a.b import c`` gives ``a.b.c``: c may be a module, and where it is a plain name the
    first parts still say where it comes from.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_module(node.func):
            literals = (arg for arg in node.args if isinstance(arg, ast.Constant))
            yield from ((str(arg.value), node.lineno) for arg in literals)


def _is_import_module(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "import_module"
