"""Names and their grammar: all that a wandb client accepts, nothing that breaks a path or a URL."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import UsageError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id, new_run_id

CHECKS = {"run id": check_run_id, "project": check_project, "entity": check_entity}


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize(
    "name",
    [
        "a",
        "4k2j9x0a",
        "with space",
        "ümläut ☃",
        "a.b",
        "...",
        "-x",
        "_x",
        "a'b&c=d",
        "x" * 128,
        "[a]",
    ],
)
def test_legal_names(kind: str, name: str) -> None:
    assert CHECKS[kind](name) == name


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a", "a ", "\ta", "a\n", ".", "..", "x" * 129, "a\x00b", "a\x7f", "a\u2028b"),
        *("a\udc80", *(f"a{char}b" for char in '/\\#?%:"<>|*')),
        *(None, 5, b"a"),
    ],
    ids=repr,
)
def test_names_that_are_not(kind: str, name: Any) -> None:
    with pytest.raises(UsageError) as caught:
        CHECKS[kind](name)
    assert caught.value.what.startswith(kind)
    assert caught.value.do
    assert "\n" not in str(caught.value)


@given(st.text(max_size=140))
def test_a_legal_name_is_one_part_of_a_path(name: str) -> None:
    try:
        check_run_id(name)
    except UsageError:
        return
    assert Path("top", name).parent == Path("top")
    assert RunPath.parse(f"e/p/{name}").run_id == name


def test_new_ids_are_as_those_of_wandb() -> None:
    made = {new_run_id() for _ in range(500)}
    assert len(made) == 500
    assert {len(one) for one in made} == {8}
    assert set("".join(made)) == set(string.digits + string.ascii_lowercase)
    assert all(check_run_id(one) == one for one in made)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("team/digits/4k2j9x0a", ("team", "digits", "4k2j9x0a")),
        ("/team/digits/4k2j9x0a/", ("team", "digits", "4k2j9x0a")),
        ("team//digits/4k2j9x0a", ("team", "digits", "4k2j9x0a")),
        ("team/digits/runs/4k2j9x0a", ("team", "digits", "4k2j9x0a")),
        ("digits/4k2j9x0a", ("me", "digits", "4k2j9x0a")),
        ("team/runs/4k2j9x0a", ("team", "runs", "4k2j9x0a")),
    ],
)
def test_paths(text: str, wanted: tuple[str, str, str]) -> None:
    found = RunPath.parse(text, entity="me")
    assert found == wanted
    assert str(found) == "/".join(wanted)
    assert RunPath.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "a/b/c/d", "a/b/runs/c/d", "a/runs/b/c/d", "a/b/c?d", "a/../c", " a/b/c"],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(UsageError):
        RunPath.parse(text)
