"""What a module offers is what its ``__all__`` says, no more and no less."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from house.tree import module_name, modules, parsed

from holdfast.errors import HoldfastError

# Migrations are found by their file names and have the names that alembic asks for; `__main__`
# is a script.
_MODULES = [
    path for path in modules() if "migrations" not in path.parts and path.name != "__main__.py"
]


def test_all_names_the_public_names() -> None:
    wrong = {module_name(path): found for path in _MODULES if (found := _differences(path))}
    assert not wrong, "\n".join(f"{module}: {found}" for module, found in wrong.items())


def _differences(path: Path) -> str:
    """What stands in ``__all__`` only, and what is public and does not stand there."""
    body = parsed(path).body
    declared = _declared(body)
    if declared is None:
        return "has no __all__" if any(not _says_nothing(node) for node in body) else ""
    twice = sorted({name for name in declared if declared.count(name) > 1})
    public = {name for name in _defined(body) if not name.startswith("_")}
    # A package's face passes on names of its modules, and may make some when they are asked for.
    face = path.name == "__init__.py"
    public |= {name for name in _passed_on(body) if face and not name.startswith("_")}
    unknown = [] if face else sorted(set(declared) - public)
    parts = (("twice", twice), ("not there", unknown), ("missing", sorted(public - set(declared))))
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in parts if names)


def test_every_name_in_all_is_there() -> None:
    wrong = [
        f"{module.__name__}.{name}"
        for module in (importlib.import_module(module_name(path)) for path in _MODULES)
        for name in getattr(module, "__all__", ())
        if not _has(module, name)
    ]
    assert not wrong, wrong


def _has(module: ModuleType, name: str) -> bool:
    try:
        return hasattr(module, name)
    except HoldfastError:
        return True  # made when it is asked for, and there is no run to make it from


def test_every_module_says_what_it_owns() -> None:
    assert [module_name(path) for path in _MODULES if not ast.get_docstring(parsed(path))] == []


def _says_nothing(node: ast.stmt) -> bool:
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


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
            if not _is_endpoint(node):
                yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not _is_type_variable(node.value):
            yield from _targets(node)
        elif isinstance(node, ast.If | ast.Try):
            yield from _defined(node.body)
            yield from _defined(node.orelse)


def _is_endpoint(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """``@router.get(...)``: reached through the router, which is the public name."""
    functions = (one.func for one in node.decorator_list if isinstance(one, ast.Call))
    return any(
        isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "router"
        for one in functions
    )


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
