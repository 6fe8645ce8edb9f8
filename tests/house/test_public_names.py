"""What a module offers is what its ``__all__`` says, no more and no less."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from house.tree import module_name, modules, parsed

# Migrations are found by their file names and have the names that alembic asks for.
_MODULES = [path for path in modules() if "migrations" not in path.parts]


@pytest.mark.parametrize("path", _MODULES, ids=module_name)
def test_all_names_the_public_names(path: Path) -> None:
    body = parsed(path).body
    declared = _declared(body)
    if declared is None:
        assert len(body) <= 1, "has no __all__"
        return
    assert sorted(declared) == sorted(set(declared)), "names something twice"
    defined = set(_defined(body))
    if path.name == "__init__.py":
        # A package's face: what it passes on from its modules is public too.
        defined |= set(_passed_on(body))
        assert set(declared) >= {name for name in defined if not name.startswith("_")}
    else:
        assert set(declared) == {name for name in defined if not name.startswith("_")}


@pytest.mark.parametrize("path", _MODULES, ids=module_name)
def test_every_name_in_all_is_there(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    assert [name for name in getattr(module, "__all__", ()) if not hasattr(module, name)] == []


@pytest.mark.parametrize("path", _MODULES, ids=module_name)
def test_every_module_says_what_it_owns(path: Path) -> None:
    assert ast.get_docstring(parsed(path))


def _declared(body: Iterable[ast.stmt]) -> list[str] | None:
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _targets(node) == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value) if node.value else []
            return names
    return None


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Names that the module's own statements bind, those under ``if`` and ``try`` too."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not _is_type_variable(node.value):
            yield from _targets(node)
        elif isinstance(node, ast.If | ast.Try):
            yield from _defined(node.body)
            yield from _defined(node.orelse)


def _is_type_variable(value: ast.expr | None) -> bool:
    """``T = TypeVar("T")``: a word of the signatures, not something to import."""
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") in {"TypeVar", "ParamSpec"}


def _targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    flat = [one for target in targets for one in getattr(target, "elts", [target])]
    return [one.id for one in flat if isinstance(one, ast.Name)]


def _passed_on(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("holdfast"):
            yield from (alias.asname or alias.name for alias in node.names)
