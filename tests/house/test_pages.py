"""Pages and files: links lead somewhere, nothing names a machine or a registry."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from house.tree import ROOT, files

import holdfast

_PAGES = [path for path in files() if path.suffix == ".md"]
_DECISIONS = sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))

# Each is written in two halves, so that this file does not hold what it forbids.
FORBIDDEN = {
    "a path of one machine": re.compile(
        "/ro" + r"ot/|/ho" + r"me/(?!(trainer|user|you|me|ada)\b)\w"
    ),
    "a path of one workplace": re.compile(r"(?<![\w.-])/wo" + r"rk/\w"),
    "the address of a registry": re.compile(
        "py" + r"pi\.org|python" + r"hosted\.org|registry\." + r"(npmjs|yarnpkg)"
    ),
}
# Recorded elsewhere, kept as they were.
_RECORDED = ROOT / "tests/data"


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    found = [
        f"{_name(path)}:{number}: {line.strip()[:100]}"
        for path in files()
        if _RECORDED not in path.parents and (text := _text(path)) and FORBIDDEN[what].search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert not found, "\n".join(found)


def test_no_lock_with_addresses() -> None:
    assert "uv.lock" not in {path.name for path in files()}
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert '"resolved"' not in (ROOT / "web/package-lock.json").read_text(encoding="utf-8")


def test_the_dashboard_loads_nothing_from_outside() -> None:
    address = re.compile(r"(?:https?:)?//[\w.-]+\.[a-z]{2,}/\S*")
    found = [
        f"{_name(path)}: {one}"
        for path in files()
        if ROOT / "web/src" in path.parents or path == ROOT / "web/index.html"
        for one in address.findall(_text(path))
        if "www.w3.org" not in one  # names of XML vocabularies, not fetched
    ]
    assert not found, "\n".join(found)


def test_the_npm_lock_names_the_packages_of_every_platform() -> None:
    """Where one is left out (its registry lacked it), `npm ci` refuses the lock everywhere."""
    packages = json.loads((ROOT / "web/package-lock.json").read_text(encoding="utf-8"))["packages"]
    missing = {
        name
        for entry in packages.values()
        for name in entry.get("optionalDependencies", ())
        if not any(path.endswith(f"node_modules/{name}") for path in packages)
    }
    assert not missing, sorted(missing)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [
        target
        for target in targets
        if "://" not in target and not (page.parent / target).resolve().exists()
    ]
    assert not broken, broken


def test_the_version_is_the_same_everywhere() -> None:
    assert f"## [{holdfast.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    web = json.loads((ROOT / "web/package.json").read_text(encoding="utf-8"))
    assert web["version"] == holdfast.__version__


def test_decisions_are_numbered_without_holes() -> None:
    numbers = [int(name[:4]) for name in _DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", _DECISIONS)
def test_a_decision_says_context_decision_and_consequence(name: str) -> None:
    text = (ROOT / "docs/decisions" / name).read_text(encoding="utf-8")
    assert text.startswith(f"# {int(name[:4])}. ")
    assert re.findall(r"^## (\w+)$", text, flags=re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequence",
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""  # a picture or an archive
