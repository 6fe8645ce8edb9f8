"""Every command, option, setting, endpoint and error code stands on its page, and no other."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from typing import Any

from house.tree import ROOT

from holdfast.cli.main import COMMANDS
from holdfast.server.api.routes import make_routes
from holdfast.settings import Setting, table
from holdfast.wire import ERRORS

_CLI = (ROOT / "docs/guide/cli.md").read_text(encoding="utf-8")
_SETTINGS = (ROOT / "docs/guide/settings.md").read_text(encoding="utf-8")
_HTTP = (ROOT / "docs/formats/http.md").read_text(encoding="utf-8")


def test_every_command_has_its_section_with_every_option() -> None:
    wanted = {f"holdfast {name}": options for name, options in _commands()}
    written = {
        title: set(re.findall(r"`(--[a-z-]+)", text)) for title, text in _sections(_CLI).items()
    }
    assert {title for title in written if title.startswith("holdfast ")} == set(wanted)
    assert {title: written[title] for title in wanted} == wanted


def _sections(page: str) -> dict[str, str]:
    """Title in backticks of each second-level section -> its table of options."""
    found: dict[str, str] = {}
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        title, _, text = part.partition("\n")
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        found[title.strip("`")] = "\n".join(row.split("|")[1] for row in rows)
    return found


def _commands() -> Iterator[tuple[str, set[str]]]:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for module in COMMANDS.values():
        importlib.import_module(module).add(subparsers)
    for name in COMMANDS:
        yield from _with_inner(name, subparsers.choices[name])


def _with_inner(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, set[str]]]:
    """A command, or the commands inside it where it only groups them (``users add``)."""
    inner = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    options = {
        option
        for action in parser._actions
        if action.help is not argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    if not inner or options:
        yield name, options
    for group in inner:
        for word, nested in group.choices.items():
            yield from _with_inner(f"{name} {word}", nested)


def test_every_setting_has_its_row() -> None:
    wanted = [_setting_row(setting) for setting in table()]
    written = [line for line in _SETTINGS.splitlines() if line.startswith("| `")]
    assert written == wanted, "the table should read:\n" + "\n".join(wanted)


def _setting_row(setting: Setting[Any]) -> str:
    variables = "<br>".join(f"`{word}`" for word in setting.environment)
    default = str(setting.default).lower() if setting.default not in ("", ()) else ""
    shown = f"`{default}`" if default else ""
    return f"| `{setting.name}` | {variables} | {shown} | {setting.meaning} |"


def test_every_error_code_has_its_row() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", _HTTP, flags=re.MULTILINE)
    assert sorted(rows) == sorted((str(row.status), row.code) for row in ERRORS.values())


def test_every_endpoint_is_described() -> None:
    served = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, methods in make_routes().openapi()["paths"].items()
        for method in methods
    }
    pages = {("GET", "/login")}  # opened by a person, so not part of the schema
    assert served | pages == set(_described())


def _described() -> Iterator[tuple[str, str]]:
    """What the page names as `METHOD PATH`, with its two abbreviations written out."""
    run = "/api/v1/runs/{}/{}/{}"
    for method, path in re.findall(r"`(GET|POST|PUT|PATCH|DELETE) ([^\s`?]+)", _HTTP):
        path = path.replace("…", run) if path.startswith("…") else path
        path = re.sub(r"^J\b", f"{run}/journals/{{}}", path)
        yield method, re.sub(r"{\w+}", "{}", path)
