"""Lines of JSON become history records that say the same, their numbers as they were spelled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records.reading import same

from holdfast.records.batch import Batch, batches
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
    [record] = read_rows([line]).records
    return {".".join(i.nested_key): i.value_json for i in parse(record).history.item}


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
    assert read.steps == list(range(len(rows)))
    last: dict[str, Any] = {}
    for number, (record, want) in enumerate(zip(read.records, rows, strict=True)):
        found = history_row(parse(record).history)
        assert found.pop("_step") == number
        assert same(escaped({k: v for k, v in want.items() if k != "_step"}), found)
        last |= {**want, "_step": number}
    assert same(last, plain_values(read.last))
    assert same({**rows[0], "_step": 0} if rows else {}, plain_values(read.first))


named = st.one_of(st.sampled_from(["a", "b", "a.b", "", "\ud800", "é"]), keys)
shapes = st.dictionaries(named, numbers, max_size=4)


@given(
    rows=st.lists(st.one_of(shapes, st.just({"a": 1.5, "b": 2}), st.just({"a": None})), max_size=9),
    step=st.sampled_from(["{}", "-{}", "{}.0", "{}e2", "NaN", '"{}"', "null"]),
)
@settings(deadline=None)
def test_batches_are_what_the_records_hold(rows: list[dict[str, Any]], step: str) -> None:
    lines = [
        json.dumps(row)[:-1] + ", " * bool(row) + f'"_step": {step.format(number)}}}'
        for number, row in enumerate(rows)
        if "_step" not in row
    ]
    read = read_rows(lines)
    if sum(len(batch.steps) for batch in read.batches) < len(lines):
        return  # others than numbers are among them: they are read out of the records
    assert same(apart(read.batches), apart(batches(read.records)))


def apart(found: Sequence[Batch]) -> list[tuple[int | None, dict[str, Any]]]:
    """(step, values) of each row of some batches, read in each way in which a batch can be."""
    rows = []
    for batch in found:
        columns = [batch.values(index) for index in range(len(batch.keys))]
        for number, step in enumerate(batch.steps):
            row = dict(zip(batch.keys, batch.row(number), strict=True))
            assert same(list(row.values()), [column[number] for column in columns])
            rows.append((step, row))
    return rows


def test_rows_of_numbers_are_batches() -> None:
    read = read_rows(['{"a": 1, "_step": 0}', '{"a": 2.5, "_step": 1}', '{"b": 1, "_step": 5}'])
    assert apart(read.batches) == [(0, {"a": 1}), (1, {"a": 2.5}), (5, {"b": 1})]
    assert not read_rows(['{"a": 1}', '{"a": "text", "_step": 1}']).batches


def test_rows_of_as_many_keys_as_the_one_before_have_their_own() -> None:
    lines = ['{"a": 1}', '{"b": 2}', '{"a": 1, "b": 2}', '{"a": 3, "c": 4}', "{}", "{}"]
    rows = [history_row(parse(record).history) for record in read_rows(lines).records]
    wanted = [json.loads(line) for line in lines]
    assert [{k: v for k, v in row.items() if k != "_step"} for row in rows] == wanted


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
    assert len(batches(read_rows(lines).records)) <= 2


@pytest.mark.parametrize(
    ("step", "want"),
    [
        *(("3", 3), ("1e3", 1000), ("3.0", 3), ("2.5", None), ('"3"', None), ("NaN", None)),
        *(("9" * 30, None), ("1" * 5000, None), ("null", None), ("[]", None), ("true", None)),
    ],
)
def test_steps(step: str, want: int | None) -> None:
    assert read_rows([f'{{"_step": {step}}}']).steps == [want]
    assert read_rows([f'{{"a": 1, "_step": {step}}}', '{"a": 2, "_step": 7}']).steps == [want, 7]


@pytest.mark.parametrize(
    ("stamp", "want"),
    [("1.5e9", 1.5e9), ("3", 3.0), ("NaN", None), ("1e300", None), ('"3"', None), ("null", None)],
)
def test_times(stamp: str, want: float | None) -> None:
    read = read_rows([f'{{"_timestamp": {stamp}}}', "{}"])
    assert [read.moment(0), read.moment(1)] == [want, None]


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
