"""Columns of numbers, spans, system samples and console text, from segments and tails alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from server.held import RUN, Held
from server.making import START, Made, journal_of

from holdfast.errors import DamagedError, NotFoundError
from holdfast.records import encode
from holdfast.server.history import read_columns, read_console, read_rows


@pytest.fixture(params=["tail", "segment", "both"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fill]:
    held = Held(tmp_path)
    yield Fill(held, request.param)
    held.close()


class Fill:
    def __init__(self, held: Held, where: str) -> None:
        self.held = held
        self.where = where

    def send(self, made: Made) -> None:
        cut = made.ends[len(made.ends) // 2]
        for start, end in ((0, cut), (cut, len(made.data))):
            self.held.ingest.chunk(RUN, made.journal, start, made.data[start:end], "gone")
            if self.where == "segment" or (self.where == "both" and start == 0):
                self.held.ingest.flush(10, idle=-1)


def test_numbers_row_by_row(filled: Fill) -> None:
    rows: list[dict[str, Any]] = [
        {"a": 1, "b": {"c": 0.5}, "ok": True},
        {"a": math.nan, "word": "x"},
        {"word": "y"},
        {"a": None, "b.c": 2.5, "ok": False},
        {"a": 10**400, "b": {"c": math.inf}},
        {"a": "text"},
    ]
    filled.send(journal_of(rows))
    keys = ["a", "b.c", "ok", "word", "no"]
    found = read_columns(filled.held.sources(), filled.held.blobs, keys)
    assert found.steps.tolist() == [0, 1, 3, 4], "rows without a number of these keys"
    assert found.present["a"].tolist() == [True, True, False, True]
    assert found.values["a"][0] == 1.0
    assert np.isnan(found.values["a"][1])
    assert found.values["a"][3] == math.inf
    assert found.values["b.c"].tolist()[2:] == [2.5, math.inf]
    assert found.present["b.c"].tolist() == [True, False, True, True]
    assert found.values["ok"].tolist()[0] == 1.0
    assert found.values["ok"].tolist()[2] == 0.0
    assert not found.present["word"].any()
    assert not found.present["no"].any()
    assert len(found.values["no"]) == 4


def test_breaks_and_hidden_rows(filled: Fill) -> None:
    rows = [{"a": i} for i in range(10)] + [{"_step": 5 + i, "a": 100 + i} for i in range(3)]
    filled.send(journal_of(rows))
    filled.send(journal_of([{"_step": 6, "a": 200}], start_time=START + 50))
    sources, blobs = filled.held.sources(), filled.held.blobs
    latest = read_columns(sources, blobs, ["a"])
    assert latest.steps.tolist() == [0, 1, 2, 3, 4, 8, 9, 5, 7, 6]
    assert latest.values["a"].tolist() == [0, 1, 2, 3, 4, 8, 9, 100, 102, 200]
    assert latest.breaks == (7, 9)
    every = read_columns(sources, blobs, ["a"], latest=False)
    assert every.steps.tolist() == [*range(10), 5, 6, 7, 6]
    assert every.breaks == (10, 13)


@pytest.mark.parametrize(
    ("span", "steps"),
    [
        ((None, None), list(range(20))),
        ((5, 7), [5, 6, 7]),
        ((None, 2), [0, 1, 2]),
        ((18, None), [18, 19]),
        ((30, 40), []),
    ],
)
def test_spans(filled: Fill, span: tuple[int | None, int | None], steps: list[int]) -> None:
    filled.send(journal_of([{"a": i} for i in range(20)]))
    sources, blobs = filled.held.sources(), filled.held.blobs
    assert [row.step for row in read_rows(sources, blobs, span=span)] == steps
    assert read_columns(sources, blobs, ["a"], span=span).steps.tolist() == steps


def test_system_samples(filled: Fill) -> None:
    samples = [
        encode.stats({"cpu": i * 1.5, **({"gpu.0.temp": i} if i % 2 else {})}, START + i)
        for i in range(10)
    ]
    filled.send(journal_of([{"a": 1}], before=samples))
    keys = ["_timestamp", "cpu", "gpu.0.temp"]
    found = read_columns(filled.held.sources(), filled.held.blobs, keys, kind="system")
    assert found.values["_timestamp"].tolist() == [START + i for i in range(10)]
    assert found.values["cpu"].tolist() == [i * 1.5 for i in range(10)]
    assert found.present["gpu.0.temp"].tolist() == [i % 2 == 1 for i in range(10)]
    assert filled.held.run()["metric_keys"]["system"] == {"cpu": "number", "gpu.0.temp": "number"}


@pytest.mark.parametrize("label", ["", "rank_1"])
def test_console_text(filled: Fill, label: str) -> None:
    texts = [("stdout", f"line {i}\n") for i in range(5)] + [("stderr", "ünï\x1b[0m\r")]
    written = [encode.output(*text, START + i, label) for i, text in enumerate(texts)]
    filled.send(journal_of([{"a": 1}], before=written))
    found = list(read_console(filled.held.sources(), filled.held.blobs))
    assert [(text.stream, text.text) for text in found] == texts
    assert [text.label for text in found] == [label] * 6
    assert [text.timestamp for text in found] == [START + i for i in range(6)]


def test_a_segment_that_is_damaged_or_gone(tmp_path: Path) -> None:
    held = Held(tmp_path)
    Fill(held, "segment").send(journal_of([{"a": i} for i in range(20)]))
    first = min(held.table("segments"), key=lambda row: row["first_row"])["blob"]
    path = held.root / "blobs" / first
    path.write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(DamagedError, match="cannot be read"):
        held.rows()
    path.unlink()
    with pytest.raises(NotFoundError, match="there is no blob"):
        held.rows()
    held.close()


def test_a_run_without_rows(tmp_path: Path) -> None:
    held = Held(tmp_path)
    Fill(held, "tail").send(journal_of([]))
    assert held.rows() == []
    found = read_columns(held.sources(), held.blobs, ["a"])
    assert found.steps.tolist() == []
    assert found.values["a"].tolist() == []
    assert (held.run()["rows"], held.run()["last_step"]) == (0, None)
    held.close()
