"""Bytes to records: every kind at a glance, unknown ones, and rows as each client writes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from records.reading import same

from holdfast.errors import DamagedError
from holdfast.records.decode import as_step, history_row, kind, parse
from holdfast.records.schema import Record

_KINDS = [field.name for field in Record.DESCRIPTOR.oneofs_by_name["record_type"].fields]


def record(**fields: Any) -> Any:
    made = Record()
    for name, value in fields.items():
        if isinstance(value, (int, str)):
            setattr(made, name, value)
        else:
            getattr(made, name).SetInParent()
    return made


@pytest.mark.parametrize("name", _KINDS)
def test_every_kind(name: str) -> None:
    assert len(_KINDS) == 23
    bare = record(**{name: None})
    assert kind(bare.SerializeToString()) == name
    full = record(num=300, uuid="u-1", control=None, info=None, **{name: None})
    assert kind(full.SerializeToString()) == name


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x08\x05",
        record(num=5, uuid="a").SerializeToString(),
        b"\xfa\x3e\x03abc",  # field 1007: a kind that does not exist yet
        b"\x08",
        b"\x0b",
        b"\x80" * 20,
        b"\xff\xff\xff\xff",
        b"\x12\xff",  # a tag of history is enough
    ],
    ids=bytes.hex,
)
def test_what_is_of_no_known_kind(payload: bytes) -> None:
    assert kind(payload) == ("history" if payload[:1] == b"\x12" else "unknown")


@given(st.binary(max_size=60))
@example(b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")
def test_kind_never_raises_and_agrees_with_protobuf(payload: bytes) -> None:
    name = kind(payload)
    try:
        found = parse(payload)
    except DamagedError:
        return
    # of several kinds in one record protobuf takes the last, which no client writes
    if found.WhichOneof("record_type") is None:
        assert name == "unknown"
    else:
        assert name != "unknown"


def test_bytes_that_are_no_record() -> None:
    with pytest.raises(DamagedError, match="a frame of 3 bytes holds no record"):
        parse(b"\x12\x05a")


def test_unknown_fields_are_kept() -> None:
    payload = record(num=1, exit=None).SerializeToString() + b"\xfa\x3e\x03abc"
    assert kind(payload) == "exit"
    assert parse(payload).SerializeToString() == payload


def row_of(*items: dict[str, Any], step: int | None = None) -> dict[str, Any]:
    made = Record()
    made.history.SetInParent()
    for item in items:
        made.history.item.add(**item)
    if step is not None:
        made.history.step.SetInParent()
        made.history.step.num = step
    return history_row(parse(made.SerializeToString()).history)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"none": 0}, None),
        ({"boolean": False}, False),
        ({"boolean": True}, True),
        ({"integer": 0}, 0),
        ({"integer": -(2**63)}, -(2**63)),
        ({"number": 0.0}, 0.0),
        ({"number": float("nan")}, float("nan")),
        ({"text": ""}, ""),
        ({"text": "1"}, "1"),
        ({"json": '{"a": [1, NaN]}'}, {"a": [1, float("nan")]}),
        ({"json": "no json"}, "no json"),
    ],
)
def test_the_typed_value_is_taken_where_there_is_one(typed: dict[str, Any], value: Any) -> None:
    for beside in ({}, {"value_json": '"other"'}):
        row = row_of({"nested_key": ["a"], **typed, **beside})
        assert same({"a": value}, row)
        assert type(row["a"]) is type(value)


def test_a_value_that_is_no_json_is_text() -> None:
    assert row_of({"key": "a", "value_json": "oops"}) == {"a": "oops"}
    assert row_of({"key": "a"}) == {"a": ""}


def test_keys_and_nested_keys() -> None:
    assert row_of(
        {"key": "a", "value_json": "1"},
        {"nested_key": ["b"], "value_json": "2"},
        {"nested_key": ["c", "d.e", ""], "value_json": "3"},
        {"nested_key": ["c", "f"], "value_json": '{"g": 4}'},
        {"nested_key": ["b"], "value_json": "5"},
    ) == {"a": 1, "b": 5, "c": {"d.e": {"": 3}, "f": {"g": 4}}}


@pytest.mark.parametrize(
    ("items", "step", "wanted"),
    [
        ([("_step", "7")], None, 7),
        ([("_step", "7")], 9, 7),
        ([], 9, 9),
        ([], 0, 0),
        ([], None, None),
        ([("_step", "1e+06")], None, 1_000_000),
        ([("_step", "1.5")], 9, 9),
        ([("_step", '"x"')], 9, 9),
        ([("_step", "null")], None, None),
        ([("_step", "9223372036854775808")], 4, 4),
        ([("_step", "-5")], None, -5),
    ],
)
def test_the_step_of_a_row(
    items: list[tuple[str, str]], step: int | None, wanted: int | None
) -> None:
    given = [{"nested_key": [key], "value_json": text} for key, text in items]
    row = row_of({"nested_key": ["a"], "value_json": "1"}, *given, step=step)
    assert row == ({"a": 1} if wanted is None else {"a": 1, "_step": wanted})


@pytest.mark.parametrize(
    ("value", "step"),
    [(5, 5), (5.0, 5), (True, None), (5.5, None), ("5", None), (None, None), (1e300, None)],
)
def test_as_step(value: Any, step: int | None) -> None:
    assert as_step(value) == step
