"""What was logged comes back exactly: through segments, through tails, through both."""

from __future__ import annotations

import io
import json
import math
import struct
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server.making import Made, journal_of

from holdfast import journal
from holdfast.records.replay import Replay
from holdfast.server.blobstore import MemoryBlobStore
from holdfast.server.history import (
    JournalSource,
    Segment,
    Stretch,
    extend,
    read_rows,
    step_array,
    write_history,
)

CASES: dict[str, list[dict[str, Any]]] = {
    "ints": [{"a": 1}, {"a": -(2**63)}, {"a": 2**63 - 1}, {"a": 0}],
    "floats": [{"a": 1.0}, {"a": -0.0}, {"a": 5e-324}, {"a": 1.7976931348623157e308}],
    "not finite": [{"a": math.nan}, {"a": math.inf}, {"a": -math.inf}, {"a": 0.5}],
    "all nan": [{"a": math.nan}] * 5,
    "ints among floats": [{"a": 1}, {"a": 1.0}, {"a": math.nan}, {"a": 2**53}, {"a": -0.0}],
    "floats without a dot": [{"a": 1e-05}, {"a": 1e300}, {"a": 2}, {"a": 1e16}],
    "huge ints": [{"a": 2**64}, {"a": 10**400}, {"a": 1}],
    "huge ints among floats": [{"a": 2**53 + 1}, {"a": 0.5}],
    "sixteen digits among floats": [{"a": 9007199254740993}, {"a": 0.5}, {"a": 1.5}, {"a": 2.5}],
    "bools": [{"a": True}, {"a": False}],
    "bools among ints": [{"a": True}, {"a": 1}, {"a": 0}, {"a": False}],
    "none": [{"a": None}, {"b": 1}, {"a": None, "b": None}],
    "none among floats": [{"a": 0.5}, {"a": None}, {"b": 1}],
    "text": [{"a": "x"}, {"a": ""}, {"a": "ünï✓"}, {"a": "null"}, {"a": "NaN"}],
    "text among numbers": [{"a": "1"}, {"a": 1}, {"a": 1.0}],
    "lists": [{"a": [1, 2.0, None, [True]]}, {"a": []}],
    "empty dict": [{"a": {}}, {"a": {"b": {}}}],
    "nested": [{"a": {"b": {"c": 1}, "d": 2.5}}, {"a": {"b": {"c": 2}}}, {"x": 1}],
    "value and level": [{"a": 1}, {"a": {"b": 1}}, {"a": "x"}, {"a": {}}],
    "dotted and nested": [{"a.b": 1}, {"a": {"b": 2.5}}, {"a.b": 3, "a": {"b": "x"}}],
    "media": [{"m": {"_type": "image-file", "path": "media/x.png", "size": 3}}],
    "unicode keys": [{"größe": 1, "損失": 2.0, "🚀.x": 3}, {"größe": 4}],
    "odd keys": [{"": 1, "a/b": 2, "a b": 3, "%": 4, "\\": 5, "a\nb": 6}],
    "our own names": [{"_row": 7, "_stretch": 8.5, "_row\\": "x"}, {"_row": "y"}],
    "half a surrogate": [{"a": [{"\ud800": "\udfff"}]}, {"a": "\ud83d"}],
    "NUL": [{"a": "x\0y", "b\0c": 1}],
    "empty row": [{}, {"a": 1}, {}],
    "sparse": [{f"k{i % 7}": i, f"f{i % 3}": i / 3} for i in range(50)],
    "a thousand keys": [{f"key/{k}": k + row / 8 for k in range(1000)} for row in range(4)],
    "loop": [{"loss": 1 / (1 + i), "acc": i / 100, "n": i} for i in range(300)],
}


def same(left: Any, right: Any) -> bool:
    """Equal in value and type, NaN equal to NaN, -0.0 not equal to 0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right) or (
            left != left and right != right
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def source_of(made: Made, blobs: MemoryBlobStore, cut: int | None) -> JournalSource:
    """The journal with its first ``cut`` frames in a segment, the rest as tail; None: all."""
    position = made.ends[-1] if cut is None else made.ends[cut - 1] if cut else 0
    frames = [item for item in journal.scan(made.data) if isinstance(item, journal.Frame)]
    replay = Replay()
    applied = replay.apply(frame.payload for frame in frames if frame.end <= position)
    rest = replay.apply(frame.payload for frame in frames if frame.end > position)
    steps = [s for part in (applied, rest) for b in part.rows for s in b.steps]
    stretches: list[Stretch] = extend(None, None, step_array(steps))
    segments = []
    if applied.rows:
        written = write_history(applied.rows, 0, stretches)
        blobs.put("s", [written.data])
        segments.append(
            Segment(
                "history",
                "s",
                written.rows,
                0,
                written.first_step,
                written.last_step,
                written.columns,
            )
        )
    return JournalSource(
        made.journal, segments, stretches, made.data[position:], position, len(steps)
    )


def read_back(made: Made, cut: int | None) -> list[dict[str, Any]]:
    blobs = MemoryBlobStore()
    return [dict(row.values) for row in read_rows([source_of(made, blobs, cut)], blobs)]


def logged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    clock = 1_700_000_000.0
    return [
        {"_timestamp": clock + step, "_runtime": float(step), **row, "_step": step}
        for step, row in enumerate(rows)
    ]


@pytest.mark.parametrize("where", ["segment", "tail", "both"])
@pytest.mark.parametrize("name", CASES)
def test_rows_come_back_as_logged(name: str, where: str) -> None:
    made = journal_of(CASES[name])
    cut = {"segment": None, "tail": 0, "both": 2 + len(CASES[name]) // 2}[where]
    found = read_back(made, cut)
    expected = logged(CASES[name])
    assert len(found) == len(expected)
    for left, right in zip(found, expected, strict=True):
        assert same(left, right), (left, right)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3).filter(
    lambda key: key not in {"_step", "_timestamp", "_runtime", "_type", "_wandb"}
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=8), st.data())
def test_any_rows_come_back(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    made = journal_of(rows)
    whole = read_back(made, 0)
    cut = data.draw(st.integers(0, len(made.ends)))
    found = read_back(made, cut or None)
    assert len(found) == len(whole) == len(rows)
    for left, right in zip(found, whole, strict=True):
        assert same(left, right), (left, right)


def test_a_segment_is_plain_parquet() -> None:
    rows = [
        {"loss": 1 / (1 + i), "n": i, "ok": i % 2 == 0, "word": "w", "x": [i]} for i in range(9)
    ]
    blobs = MemoryBlobStore()
    source_of(journal_of(rows), blobs, None)
    table = pq.read_table(io.BytesIO(blobs.get("s")))
    assert table.column("loss").to_pylist() == [row["loss"] for row in rows]
    assert table.column("n").to_pylist() == list(range(9))
    assert table.column("ok").to_pylist() == [row["ok"] for row in rows]
    assert table.column("word").to_pylist() == ["w"] * 9
    assert [json.loads(text) for text in table.column("x").to_pylist()] == [[i] for i in range(9)]
    assert table.column("_step").to_pylist() == list(range(9))
    assert table.column("_row").to_pylist() == list(range(9))
    assert table.column("_stretch").to_pylist() == [0] * 9
    types = {field.name: str(field.type) for field in table.schema}
    assert types["loss"] == "double"
    assert types["n"] == "int64"
    assert types["ok"] == "bool"
    assert types["x"] == "string"
    assert table.schema.field("x").metadata[b"holdfast.kind"] == b"json"


def test_numbers_are_small_on_disk() -> None:
    rows = [{"loss": 1 / (1 + i)} for i in range(5000)]
    blobs = MemoryBlobStore()
    source_of(journal_of(rows), blobs, None)
    file = pq.ParquetFile(io.BytesIO(blobs.get("s")))
    columns = {
        file.metadata.row_group(0).column(n).path_in_schema: file.metadata.row_group(0).column(n)
        for n in range(file.metadata.num_columns)
    }
    assert columns["loss"].compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in columns["loss"].encodings
    assert "DELTA_BINARY_PACKED" in columns["_step"].encodings
    assert len(blobs.get("s")) < 5000 * 20


def test_only_the_keys_asked_for() -> None:
    rows: list[dict[str, Any]] = [{"a": {"b": 1, "c": 2}, "x": 3}, {"x": 4}, {"a": 5}, {"a.b": 6}]
    made = journal_of(rows)
    for cut in (None, 0, 4):
        blobs = MemoryBlobStore()
        sources = [source_of(made, blobs, cut)]
        found = [row.values for row in read_rows(sources, blobs, keys=["a.b"])]
        assert found == [{"_step": 0, "a": {"b": 1}}, {"_step": 3, "a.b": 6}]
        found = [row.values for row in read_rows(sources, blobs, keys=["a", "x"])]
        assert found == [
            {"_step": 0, "x": 3},
            {"_step": 1, "x": 4},
            {"_step": 2, "a": 5},
        ]
        assert list(read_rows(sources, blobs, keys=["no"])) == []
