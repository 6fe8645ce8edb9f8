"""The value grammar: what goes in comes out, and what JSON cannot say never raises."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records.reading import same
from records.values_made import NUMBERS, ODD, Colour, Raises, deep, texts, values

from holdfast.records.values import (
    dumps,
    flatten,
    from_strict,
    key_text,
    loads,
    nest,
    plain,
    read_value,
    to_strict,
)


@given(values)
def test_what_json_can_say_comes_back(value: Any) -> None:
    assert same(value, loads(dumps(value)))
    assert same(value, read_value(dumps(value)))
    assert same(value, plain(value))


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_numbers_keep_their_kind_and_sign(number: float) -> None:
    found = loads(dumps(number))
    assert type(found) is type(number)
    assert same(number, found)
    assert math.copysign(1, found) == math.copysign(1, number)


@pytest.mark.parametrize("name", ODD)
def test_odd_values_are_written(name: str) -> None:
    value, wanted = ODD[name]
    text = dumps(value)
    text.encode("utf-8")
    if wanted is not None:
        assert same(wanted, loads(text))


def test_a_cycle_is_cut_where_it_closes() -> None:
    value, _ = ODD["a cycle"]
    assert loads(dumps(value)) == {"leaf": 1, "self": "…", "list": ["…", "…"]}


def test_odd_keys() -> None:
    value, _ = ODD["keys that are no strings"]
    assert loads(dumps(value)) == {"1": "a", "None": "b", "(1, 2)": "d", "red": "e"}


@pytest.mark.parametrize(
    ("key", "text"), [("a", "a"), (1, "1"), (Colour.RED, "red"), (None, "None"), (1.5, "1.5")]
)
def test_keys_as_text(key: Any, text: str) -> None:
    assert key_text(key) == text
    assert type(key_text(key)) is str


def test_a_key_that_raises_has_a_text() -> None:
    assert key_text(Raises()) == "<Raises: RuntimeError>"


@pytest.mark.parametrize(
    "text", ["", "abc", "1 2", "[1", "1e", "--1", "nan", "'a'", "01", "[" * 99_999]
)
def test_what_is_no_json_stays_text(text: str) -> None:
    assert read_value(text) == text
    with pytest.raises(ValueError):  # noqa: PT011  its text is the library's
        loads(text)


@pytest.mark.parametrize("text", [" 1", "1 ", "\n[1]\t"])
def test_spaces_around_json_are_none_of_it(text: str) -> None:
    assert read_value(text) == json.loads(text)


def test_a_value_of_too_many_levels_stays_text() -> None:
    assert read_value(dumps(deep(64))) == deep(64)
    assert read_value(dumps(deep(65))) == dumps(deep(65))
    assert read_value('{"a":' * 65 + "1" + "}" * 65).startswith("{")
    wide = [[1]] * 1000
    assert read_value(dumps(wide)) == wide


def test_a_path_of_too_many_parts_is_one_key() -> None:
    target: dict[str, Any] = {}
    nest(target, ["a"] * 65, 1)
    assert target == {".".join("a" * 65): 1}


def test_nest_makes_what_is_missing_and_replaces_what_is_no_dict() -> None:
    target: dict[str, Any] = {"a": 1, "b": {"c": 2}}
    nest(target, ["a", "x"], 3)
    nest(target, ["b", "d"], 4)
    nest(target, ["e"], 5)
    assert target == {"a": {"x": 3}, "b": {"c": 2, "d": 4}, "e": 5}


@pytest.mark.parametrize(
    ("row", "flat"),
    [
        ({"a": {"b": 1, "c": {"d": 2}}}, {"a.b": 1, "a.c.d": 2}),
        ({"a": {}}, {"a": {}}),
        ({"a": {"b": {}}}, {"a.b": {}}),
        ({"a": {"_type": "image", "n": 1}}, {"a": {"_type": "image", "n": 1}}),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}]}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1, r"a\.b": 2}),
        ({"a": {"b": 2}, "a.b": 1}, {"a.b": 2, r"a\.b": 1}),
        (
            {"a.b.c": 1, "a": {"b.c": 2, "b": {"c": 3}}},
            {"a.b.c": 1, r"a\.b\.c": 2, r"a\\.b\\.c": 3},
        ),
        ({"": {"": 1}}, {".": 1}),
    ],
)
def test_flatten(row: dict[str, Any], flat: dict[str, Any]) -> None:
    assert flatten(row) == flat


@given(st.dictionaries(texts, values, max_size=4))
def test_flatten_loses_no_leaf(row: dict[str, Any]) -> None:
    def leaves(node: Any) -> int:
        inner = type(node) is dict and node and "_type" not in node
        return sum(map(leaves, node.values())) if inner else 1

    assert len(flatten(row)) == sum(map(leaves, row.values()))


@given(values)
@settings(max_examples=200)
def test_strict_json_says_the_same(value: Any) -> None:
    text = json.dumps(to_strict(value), allow_nan=False)
    assert same(value, from_strict(json.loads(text)))


def test_strict_json_of_numbers_that_are_none() -> None:
    assert to_strict([math.nan, (math.inf,), {"a": -math.inf}]) == [
        {"$float": "NaN"},
        [{"$float": "Infinity"}],
        {"a": {"$float": "-Infinity"}},
    ]
    assert from_strict({"$float": "more"}) == {"$float": "more"}
