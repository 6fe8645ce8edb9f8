"""A history as a plain table: exactly what was logged, or no table at all."""

from __future__ import annotations

import io
import math
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server.history.test_exact import CASES, KEYS, SCALARS, logged, source_of
from server.making import Made, journal_of

from holdfast.server.blobstore import MemoryBlobStore
from holdfast.server.history import plain_table

TABLES = frozenset(
    {"ints", "floats", "not finite", "all nan", "ints among floats", "floats without a dot"}
    | {"bools", "text", "a thousand keys", "loop", "odd keys", "NUL"}
)
"""Those of the cases in which each row has each key, and a key values of one type."""


def table_of(made: Made, cut: int | None) -> list[dict[str, Any]] | None:
    """What another program reads in the table; None when there is none."""
    blobs = MemoryBlobStore()
    parts = plain_table(source_of(made, blobs, cut), blobs)
    if parts is None:
        return None
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(b"".join(parts))).to_pylist()
    return rows


def same(left: Any, right: Any) -> bool:
    """Equal, an int to the float of its value, NaN to itself."""
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def as_logged(found: list[dict[str, Any]], rows: list[dict[str, Any]]) -> bool:
    return len(found) == len(rows) and all(
        one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
        for one, other in zip(found, logged(rows), strict=True)
    )


@pytest.mark.parametrize("where", ["segment", "tail", "both"])
@pytest.mark.parametrize("name", CASES)
def test_a_table_says_what_was_logged_or_there_is_none(name: str, where: str) -> None:
    rows = CASES[name]
    cut = {"segment": None, "tail": 0, "both": 2 + len(rows) // 2}[where]
    found = table_of(journal_of(rows), cut)
    if found is not None:
        assert as_logged(found, rows)
    if where != "both":  # halves may differ in their types
        assert (found is not None) == (name in TABLES)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_rows(data: st.DataObject) -> None:
    keys = data.draw(st.lists(KEYS.filter(bool), min_size=1, max_size=3, unique=True))
    row = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, SCALARS))
    whole = st.fixed_dictionaries(dict.fromkeys(keys, st.floats() | st.integers(-5, 5)))
    rows = data.draw(st.lists(row, min_size=1, max_size=6) | st.lists(whole, min_size=1))
    made = journal_of(rows)
    found = table_of(made, data.draw(st.integers(1, len(made.ends))))
    assert found is None or as_logged(found, rows)


def test_a_key_whose_ints_come_before_its_floats() -> None:
    rows: list[dict[str, Any]] = [{"a": n} for n in range(5)] + [{"a": n / 2} for n in range(5)]
    made = journal_of(rows)
    found = table_of(made, 2 + 5)
    assert found is not None
    assert as_logged(found, rows)
    beyond = [{"a": 2**53 + 1}, {"a": 0.5}]
    assert table_of(journal_of(beyond), 2 + 1) is None


def test_none_where_a_later_row_takes_over_an_earlier_one() -> None:
    rows = [{"_step": step, "a": step} for step in (0, 1, 2, 1, 2, 3)]
    assert table_of(journal_of(rows), None) is None


def test_none_without_rows() -> None:
    assert table_of(journal_of([]), None) is None
