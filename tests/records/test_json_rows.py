"""Lines of JSON become history records that say the same, their numbers as they were spelled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records.reading import same

from holdfast.records.batch import batches
from holdfast.records.decode import history_row, parse
from holdfast.records.json_rows import plain_values, read_rows

numbers = st.one_of(st.floats(), st.integers(), st.integers(-(10**40), 10**40))
keys = st.text(max_size=90)
values = st.recursive(
    st.one_of(numbers, st.text(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


def spelled(line: str) -> dict[str, str]:
    """{key: value_json} of the record of one line."""
    [row] = read_rows([line])
    return {".".join(i.nested_key): i.value_json for i in parse(row.record).history.item}


def escaped(value: Any) -> Any:
    """Keys with lone surrogates as records have them."""
    if isinstance(value, dict):
        return {
            k.encode("utf-8", "backslashreplace").decode(): escaped(v) for k, v in value.items()
        }
    return value


@given(rows=st.lists(st.dictionaries(keys, st.one_of(numbers, values), max_size=6), max_size=5))
@settings(deadline=None)
def test_rows_come_back(rows: list[dict[str, Any]]) -> None:
    read = read_rows([json.dumps({**row, "_step": n}) for n, row in enumerate(rows)])
    assert [row.step for row in read] == list(range(len(rows)))
    for row, want in zip(read, rows, strict=True):
        found = history_row(parse(row.record).history)
        assert found.pop("_step") == row.step
        assert same(escaped({k: v for k, v in want.items() if k != "_step"}), found)
        assert same({**want, "_step": row.step}, plain_values(row.values))


@pytest.mark.parametrize(
    "token",
    ["1.50", "1e-5", "1E400", "-0", "-0.0", "NaN", "-Infinity", "1.7952e+09", "9" * 60, "1" * 5000],
)
def test_numbers_keep_their_spelling(token: str) -> None:
    assert spelled(f'{{"a": {token}, "b": 2}}') == {"a": token, "b": "2"}
    nested = spelled(f'{{"a": {{"x": {token}}}, "l": [{token}, "{token}"], "b": 2}}')
    assert nested == {"a.x": token, "l": f'[{token}, "{token}"]', "b": "2"}


def test_text_that_looks_like_a_number_stays_text() -> None:
    assert spelled('{"a": "1.5", "b": 1}') == {"a": '"1.5"', "b": "1"}


def test_the_last_of_two_equal_keys_counts() -> None:
    assert spelled('{"a": 1, "a": 2, "b": 1}') == {"a": "2", "b": "1"}


def test_rows_with_their_keys_in_any_order_make_one_batch() -> None:
    lines = ['{"b": 1, "_step": 0, "a": 2}', '{"a": 3, "b": 4, "_step": 1}'] * 5
    assert len(batches([row.record for row in read_rows(lines)])) <= 2


@pytest.mark.parametrize(
    ("step", "want"),
    [
        *(("3", 3), ("1e3", 1000), ("3.0", 3), ("2.5", None), ('"3"', None), ("NaN", None)),
        *(("9" * 30, None), ("1" * 5000, None), ("null", None), ("[]", None), ("true", None)),
    ],
)
def test_steps(step: str, want: int | None) -> None:
    assert read_rows([f'{{"_step": {step}}}'])[0].step == want


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "[]",
        '"a"',
        "{",
        '{"a": }',
        '{"a": 1} 2',
        "nul",
        "\0",
        "{" * 100_000,
        '{"a": ' * 5000,
    ],
)
def test_what_is_no_object_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 is no JSON object"):
        read_rows(["{}", line])
