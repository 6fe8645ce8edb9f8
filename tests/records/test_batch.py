"""Rows in batches: the same as one by one, whatever the mix, and never slower than they deserve."""

from __future__ import annotations

import math
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records.reading import same
from records.values_made import NUMBERS, values

from holdfast.records import batch as batch_module
from holdfast.records.batch import Batch, batches
from holdfast.records.decode import add_runtime, history_row, parse
from holdfast.records.encode import HistoryEncoder
from holdfast.records.plain_rows import PlainRows
from holdfast.records.schema import Record


def one_by_one(payloads: list[bytes], since: int) -> list[dict[str, Any]]:
    return [add_runtime(history_row(parse(payload).history), since) for payload in payloads]


def unfolded(found: list[Batch]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for batch in found:
        assert len(batch.keys) == len(batch.columns)
        assert "_step" not in batch.keys
        columns = [batch.values(index) for index in range(len(batch.keys))]
        for number, step in enumerate(batch.steps):
            row = {key: col[number] for key, col in zip(batch.keys, columns, strict=True)}
            rows.append(row if step is None else {**row, "_step": step})
    return rows


def check(payloads: list[bytes], since: int = 0) -> list[Batch]:
    found = batches(payloads, since)
    wanted, rows = one_by_one(payloads, since), unfolded(found)
    assert len(rows) == len(wanted)
    for one, other in zip(wanted, rows, strict=True):
        assert same(one, other)
        assert {key: type(value) for key, value in one.items()} == {
            key: type(value) for key, value in other.items()
        }
    return found


def wandb_row(items: list[tuple[str, str]], step: int | None, **more: str) -> bytes:
    """A row as real clients write it: number, control, info; items by ``key`` or nested key."""
    made = Record(num=7)
    made.history.SetInParent()
    for key, text in items:
        if more.get("style") == "key":
            made.history.item.add(key=key, value_json=text)
        else:
            made.history.item.add(nested_key=[key], value_json=text)
    if step is not None:
        made.history.step.SetInParent()
        made.history.step.num = step
    made.control.mailbox_slot = "abcdef"
    made.info.stream_id = "4k2j9x0a"
    if "uuid" in more:
        made.uuid = more["uuid"]
    return bytes(made.SerializeToString())


_number_texts = st.one_of(
    st.sampled_from(["NaN", "Infinity", "-Infinity", "1e+09", "-0.0", "1E5", "0", "1.50"]),
    st.sampled_from(["1e", "--1", "01", "+1", ".5", "1.", "e", "1" * 200, "9" * 127]),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
)
_keys = st.sampled_from(["loss", "acc", "ключ", "", "a.b", "k" * 127, "k" * 128, "k" * 300])
_steps = st.one_of(st.none(), st.integers(-3, 300), st.sampled_from([2**63 - 1, -(2**63)]))


@st.composite
def _wandb_rows(draw: st.DrawFn) -> list[bytes]:
    """Stretches of rows with the same keys, as real clients write them, `_step` among the items."""
    payloads = []
    for _ in range(draw(st.integers(1, 3))):
        keys = draw(st.lists(_keys, max_size=4))
        place = draw(st.integers(-1, len(keys)))
        style = draw(st.sampled_from(["key", "nested"]))
        uuid = draw(st.sampled_from([{}, {"uuid": "u" * 32}, {"uuid": "u" * 200}]))
        for _ in range(draw(st.integers(1, 5))):
            items = [(key, draw(_number_texts)) for key in keys]
            if place >= 0:
                text = draw(st.one_of(st.integers(-2, 10**6).map(str), _number_texts))
                items.insert(place, ("_step", text))
            payloads.append(wandb_row(items, draw(_steps), style=style, **uuid))
    return payloads


@given(_wandb_rows())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_of_real_clients(payloads: list[bytes]) -> None:
    check(payloads)


_our_keys = st.sampled_from(
    ["loss", "acc", "a/b", "ключ", "", "x" * 500, "y" * 20_000, "z" * 40_000]
)
_our_rows = st.dictionaries(
    _our_keys, st.one_of(st.floats(), st.integers(), st.sampled_from(NUMBERS), values), max_size=4
)


@given(
    shapes=st.lists(st.tuples(_our_rows, st.integers(1, 4)), max_size=5),
    first=st.sampled_from([0, 126, 2**31, -2, 2**62]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_of_ours(shapes: list[tuple[dict[str, Any], int]], first: int) -> None:
    encoder = HistoryEncoder()
    rows = [row for row, times in shapes for _ in range(times)]
    check([encoder.encode(row, first + number) for number, row in enumerate(rows)])


def test_like_rows_of_numbers_are_one_batch_of_tokens() -> None:
    encoder = HistoryEncoder()
    payloads = [encoder.encode({"i": n, "f": n / 3, "x": math.nan}, n) for n in range(50)]
    first, second = check(payloads)  # the first shows what the rows look like
    assert (len(first.steps), first.tokens) == (1, False)
    assert second.tokens
    assert second.keys == ("i", "f", "x")
    assert second.steps == list(range(1, 50))
    assert second.columns[0][:2] == (b"1", b"2")
    assert [type(value) for value in second.values(0)] == [int] * 49
    assert [type(value) for value in second.values(1)] == [float] * 49
    assert second.values(0, 3, 5) == [4, 5]
    # what was learned serves later chunks from their first row on
    assert [one.tokens for one in check(payloads)] == [True]


def test_a_column_of_numbers_may_mix_integers_and_floats() -> None:
    encoder = HistoryEncoder()
    rows = [1, 2.0, 3, 1e300, -0.0, 2**70, math.inf]
    found = check([encoder.encode({"mixed": value}, n) for n, value in enumerate(rows)])
    values = [value for batch in found for value in batch.values(0)]
    assert [type(value) for value in values] == [int, float, int, float, float, int, float]


def test_rows_with_the_same_keys_in_any_order_are_one_batch() -> None:
    """Real wandb since 0.18 writes the keys of each row in another order."""
    shuffle = random.Random(5).shuffle
    payloads = []
    for step in range(200):
        items = [(f"metric{n}", str(step + n)) for n in range(9)] + [("_step", str(step))]
        shuffle(items)
        payloads.append(wandb_row(items, step))
    before = len(batch_module._shapes)
    [found] = check(payloads)
    assert found.values(found.keys.index("metric3")) == [step + 3 for step in range(200)]
    # an expression for an order that does not come again would cost more than it saves
    assert len(batch_module._shapes) == before


def test_what_cannot_be_parsed_is_left_out() -> None:
    encoder = HistoryEncoder()
    good = [encoder.encode({"a": number}, number) for number in range(6)]
    bad = b"\x12\x05\x0a\x09oops"
    assert [row["_step"] for row in unfolded(batches([bad, *good[:3], bad, *good[3:], bad]))] == [
        *range(6)
    ]
    assert batches([bad, bad]) == []


def test_no_rows() -> None:
    assert batches([]) == []


def test_rows_without_items() -> None:
    encoder = HistoryEncoder()
    [found] = check([encoder.encode({}, step) for step in range(3)])
    assert (found.keys, found.steps) == ((), [0, 1, 2])


def test_more_keys_than_a_shape_takes() -> None:
    encoder = HistoryEncoder()
    row = {f"key{number}": number for number in range(600)}
    [found] = check([encoder.encode(row, step) for step in range(4)])
    assert len(found.keys) == 600
    assert not found.tokens


def test_shapes_are_bounded() -> None:
    encoder = HistoryEncoder()
    for number in range(batch_module._MAX_SHAPES + 10):
        check([encoder.encode({f"key{number}": 1}, step) for step in range(3)])
    assert len(batch_module._shapes) <= batch_module._MAX_SHAPES


@pytest.mark.parametrize("ending", [b"a" * 300, b"\x00", b"\x82\x01\x7f"])
def test_bytes_made_to_be_slow(ending: bytes) -> None:
    """Behind a row anything may stand that protobuf takes: there must be one way to match it."""
    encoder = HistoryEncoder()
    payloads = [encoder.encode({"slow": number}, number) for number in range(4)]
    slow = payloads[3] + b"\x82\x01\x02\x82\x01" * 2000 + ending
    began = time.process_time()
    check(payloads)
    rows = unfolded(batches([*payloads[:3], slow]))
    assert [row["slow"] for row in rows[:3]] == [0, 1, 2]
    assert time.process_time() - began < 20  # exponential time would be years


SINCE = 1_795_225_837_286


def test_rows_that_leave_their_runtime_out_get_it_and_stay_in_one_batch() -> None:
    encoder = PlainRows(SINCE)
    payloads = []
    for step in range(500):
        payload = encoder.encode({"loss": step / 7, "n": step}, step, SINCE + 20 * step)
        assert payload is not None
        payloads.append(payload)
    _, batch = check(payloads, SINCE)  # the first of a kind is looked at by itself
    assert batch.keys == ("loss", "n", "_timestamp", "_runtime")
    assert batch.values(3) == [step / 50 for step in range(1, 500)]
    assert batch.row(6)[3] == 0.14
    said = [b"_runtime" in payload for payload in payloads]
    assert sum(said) == 10
    last = batches(payloads)[-1]  # without knowing from when, nothing is made up
    assert "_runtime" not in last.keys


_times = st.one_of(
    st.integers(-(10**6), 10**13).map(lambda ms: ms / 1000),
    st.integers(-(10**15), 10**15),
    st.floats(),
    st.sampled_from(["1", True, None, 10**400]),
)


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from([(), ("a",), ("a", "b"), ("b", "a")]),
            st.lists(st.sampled_from(["_timestamp", "_runtime"]), unique=True, max_size=2),
            _times,
        ),
        max_size=12,
    ),
    since=st.sampled_from([0, 1, SINCE, -5]),
    repeat=st.integers(1, 3),
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_where_times_stand(
    rows: list[tuple[tuple[str, ...], list[str], Any]], since: int, repeat: int
) -> None:
    encoder = HistoryEncoder()
    payloads = [
        encoder.encode({**dict.fromkeys(keys, 0.5), **dict.fromkeys(clocks, time)}, step)
        for step, (keys, clocks, time) in enumerate(rows)
        for _ in range(repeat)
    ]
    check(payloads, since)
