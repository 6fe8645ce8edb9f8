"""Imports point downwards only, and each outside library has one home."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from house.tree import PACKAGE, ROOT, files, imports, module_name, modules, room

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# From the ground up. Rooms on one floor are strangers to each other.
FLOORS = (
    ("errors",),
    ("ids", "settings"),
    ("records", "journal"),
    ("rundir",),
    ("wire",),
    ("client", "sync", "server", "remote", "page"),
    ("cli",),
    ("holdfast", "__main__"),
)
SERVER_FLOORS = (
    ("server/settings",),
    ("server/blobstore",),
    ("server/history", "server/metastore"),
    ("server/ingest", "server/query"),
    ("server/api", "server/gateway"),
    ("server/app", "server"),
)
# What a room may not import although it lies below: a room that must not know of another.
UNKNOWN_TO = {"client": ("wire",)}


class Library(NamedTuple):
    """An outside library: the distribution it comes in, and the one room that imports it.

    Two rooms that are strangers and speak HTTP each have a home for it (docs/decisions/0016).
    """

    distribution: str
    home: str
    second_home: str = ""


LIBRARIES = {
    "alembic": Library("alembic", "server/metastore"),
    "backports": Library("backports.zstd", "sync"),
    "compression": Library("", "sync"),  # the same in Python's own library, from 3.14
    "fastapi": Library("fastapi", "server/api"),
    "graphql": Library("graphql-core", "server/gateway"),
    "google": Library("protobuf", "records"),
    "numpy": Library("numpy", "server/history"),
    "pandas": Library("", "remote"),  # the user's own: used when it is there, never installed
    "prometheus_client": Library("prometheus_client", "server/api"),
    "psutil": Library("psutil", "client"),
    "pynvml": Library("nvidia-ml-py", "client"),
    "pydantic": Library("fastapi", "server/api"),
    "pydantic_core": Library("fastapi", "server/api"),
    "pyarrow": Library("pyarrow", "server/history"),
    "sklearn": Library("scikit-learn", "demo"),
    "sqlalchemy": Library("sqlalchemy", "server/metastore"),
    "starlette": Library("fastapi", "server/api", "server/gateway"),
    "tqdm": Library("tqdm", "cli"),
    "urllib3": Library("urllib3", "wire"),
    "uvicorn": Library("uvicorn", "server/app"),
}


def _floor(name: str, floors: tuple[tuple[str, ...], ...]) -> int:
    for number, rooms in enumerate(floors):
        if name in rooms:
            return number
    raise AssertionError(f"{name} is a room without a floor: give it one in this file")


def _may_import(importer: str, imported: str) -> bool:
    (outer, _, _), (target, _, _) = importer.partition("/"), imported.partition("/")
    if importer == imported:
        return True
    if target in UNKNOWN_TO.get(outer, ()):
        return False
    if outer == target:
        return _floor(imported, SERVER_FLOORS) < _floor(importer, SERVER_FLOORS)
    return _floor(target, FLOORS) < _floor(outer, FLOORS)


def _target(name: str) -> str:
    """The room that an imported dotted name lies in."""
    found = room(name)
    lies_in = PACKAGE / found
    if lies_in.is_dir() or lies_in.with_suffix(".py").is_file():
        return found
    return "server" if found.startswith("server/") else "holdfast"


def test_imports_point_downwards() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {importer} imports {name}"
        for path in modules()
        for importer in [room(module_name(path))]
        for name, line in imports(path)
        if name.split(".")[0] == "holdfast" and not _may_import(importer, _target(name))
    ]
    assert not wrong, "\n".join(wrong)


def _outside_imports() -> Iterator[tuple[str, str, str]]:
    """(library, the room that imports it, where) for the package and the demo."""
    demo = [path for path in files() if path.suffix == ".py" and ROOT / "demo" in path.parents]
    for path in [*modules(), *demo]:
        importer = "demo" if path in demo else room(module_name(path))
        for name, line in imports(path):
            library = name.split(".")[0]
            if library not in sys.stdlib_module_names and library != "holdfast":
                yield library, importer, f"{path.relative_to(ROOT)}:{line}"


def test_each_outside_library_has_one_home() -> None:
    """One room of the package; the demo is no room and may use any of them."""
    wrong = [
        f"{where}: {importer} imports {library}"
        for library, importer, where in _outside_imports()
        if library not in LIBRARIES or importer not in {*LIBRARIES[library][1:], "demo"}
    ]
    assert not wrong, "\n".join(wrong)


def test_the_table_is_what_the_package_declares() -> None:
    project = _project()
    declared = {
        re.split(r"[\[<>=!~; ]", requirement)[0]
        for requirements in (project["dependencies"], *project["optional-dependencies"].values())
        for requirement in requirements
    }
    assert declared == {one.distribution for one in LIBRARIES.values() if one.distribution}


def _project() -> dict[str, Any]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return project
