"""Which of a repaired journal and the damaged ones counts, and which of a session told twice."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import pytest

from holdfast.server.metastore.state import shown


class Journal(NamedTuple):
    journal: str
    rows: int
    gaps: str = "[]"
    ended: bool = True
    replaces: str = "[]"
    role: str = ""
    first_row: str | None = None


GAP = "[[1,2]]"


@pytest.mark.parametrize(
    ("journals", "names"),
    [
        ([Journal("a", 5), Journal("b", 3)], "ab"),
        ([Journal("a", 9, GAP), Journal("b", 9, GAP, replaces='["a"]')], "b"),
        ([Journal("a", 4), Journal("b", 9, GAP, replaces='["a"]')], "b"),  # the rest came later
        ([Journal("a", 10), Journal("b", 9, GAP, replaces='["a"]')], "a"),  # came before the damage
        ([Journal("a", 9), Journal("b", 9, GAP, replaces='["a"]')], "a"),  # as many, and no gap
        ([Journal("a", 9, ended=False), Journal("b", 9, GAP, replaces='["a"]')], "b"),
        ([Journal("b", 9, GAP, replaces='["a"]'), Journal("x", 1)], "bx"),  # never arrived
        (
            [
                Journal("a", 9, GAP),
                Journal("b", 9, GAP, replaces='["a"]'),
                Journal("c", 9, GAP, replaces='["a","b"]'),
            ],
            "c",
        ),
        (
            [
                Journal("a", 9, GAP),
                Journal("b", 8, GAP, replaces='["a"]'),
                Journal("c", 7, GAP, replaces='["a","b"]'),
            ],
            "a",
        ),
        ([Journal("a", 9, replaces='["b"]'), Journal("b", 9, replaces='["a"]')], "ab"),  # made up
        ([Journal("a", 9, replaces='["a"]')], "a"),
        (
            [
                Journal("a", 9, role="server", first_row="[0, 1.5]"),
                Journal("b", 9, first_row="[0, 1.5]"),
            ],
            "b",
        ),
        (
            [
                Journal("a", 9, role="server", first_row="[0, 1.5]"),
                Journal("b", 7, first_row="[0, 1.5]"),
            ],
            "a",
        ),
        (
            [
                Journal("a", 7, role="server", first_row="[0, 1.5]"),
                Journal("b", 9, first_row="[0, 1.5]"),
            ],
            "b",
        ),
        (
            [
                Journal("a", 9, role="server", first_row="[0, 1.5]"),
                Journal("b", 9, first_row="[0, 2.5]"),
            ],
            "ab",
        ),
        ([Journal("a", 9, first_row="[0, 1.5]"), Journal("b", 9, first_row="[0, 1.5]")], "ab"),
        ([Journal("a", 0, role="edits"), Journal("b", 9)], "ab"),
    ],
)
def test_one_of_them_counts(journals: list[Journal], names: str) -> None:
    for some in permutations(journals):
        assert {one.journal for one in shown(some)} == set(names)
