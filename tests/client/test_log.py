"""`log`: steps, open rows, values of all kinds, and what reaches the journal when."""

from __future__ import annotations

import datetime
import decimal
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from client.reading import only, read

import holdfast
from holdfast.errors import UsageError

QUIET = {"silent": True, "console": "off", "disable_git": True, "disable_stats": True}


def begin(**arguments: Any) -> holdfast.Run:
    return holdfast.init(settings=QUIET, **arguments)


def logged(tmp_path: Path) -> list[dict[str, Any]]:
    """The rows in the journal, without what the client adds."""
    rows = read(tmp_path).rows
    return [{k: v for k, v in row.items() if k not in ("_timestamp", "_runtime")} for row in rows]


def test_rows_count_from_zero(tmp_path: Path) -> None:
    run = begin()
    for number in range(5):
        assert run.step == number
        run.log({"loss": number / 2, "epoch": number})
    run.finish()
    assert logged(tmp_path) == [{"loss": n / 2, "epoch": n, "_step": n} for n in range(5)]


def test_a_row_is_in_the_journal_when_log_returns(tmp_path: Path) -> None:
    run = begin()
    run.log({"loss": 1.5})
    assert read(tmp_path).values("loss") == [1.5]
    run.log({"loss": 2.5}, step=7)
    written = read(tmp_path)
    assert written.values("loss") == [1.5]  # still open, but not at risk
    assert written.replay.open_row is not None
    assert written.replay.open_row["loss"] == 2.5
    assert written.replay.open_row["_step"] == 7


def test_calls_with_one_step_make_one_row(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1}, step=3)
    run.log({"b": 2, "deep": {"x": 1}}, step=3)
    run.log({"a": 5, "deep": {"y": 2}}, step=3)
    assert run.step == 3
    run.log({"a": 9}, step=10)
    run.finish()
    assert logged(tmp_path) == [
        {"a": 5, "b": 2, "deep": {"x": 1, "y": 2}, "_step": 3},
        {"a": 9, "_step": 10},
    ]


def test_commit(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1}, commit=False)
    assert run.step == 0
    run.log({"b": 2})
    assert run.step == 1
    run.log({"c": 3}, step=5, commit=True)
    assert run.step == 6
    run.log({"d": 4}, commit=False)
    run.finish()
    assert logged(tmp_path) == [
        {"a": 1, "b": 2, "_step": 0},
        {"c": 3, "_step": 5},
        {"d": 4, "_step": 6},
    ]


def test_an_open_row_is_whole_for_a_reader_at_any_time(tmp_path: Path) -> None:
    run = begin()
    run.log({"deep": {"x": 1}, "a": 1}, step=2)
    run.log({"deep": {"y": 2}}, step=2)
    row = read(tmp_path).replay.open_row
    assert row is not None
    assert row["deep"] == {"x": 1, "y": 2}
    assert row["a"] == 1


def test_steps_do_not_go_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = holdfast.init(settings={**QUIET, "silent": False})
    run.log({"a": 1}, step=5)
    for step in (4, 0, -1):
        run.log({"a": 2}, step=step)
    run.log({"a": 3}, step=6)
    run.finish()
    assert [row["_step"] for row in logged(tmp_path)] == [5, 6]
    said = capsys.readouterr().err
    assert said.count("a row of step 4 is not kept, since step 5 has begun") == 1
    assert "a row of step 0" not in said
    assert f"3 rows of run {run.name} were not kept" in said


def test_an_empty_row_only_moves_the_step(tmp_path: Path) -> None:
    run = begin()
    run.log({})
    run.log({"a": 1})
    run.finish()
    assert logged(tmp_path) == [{"a": 1, "_step": 1}]


class Hostile:
    """An object that fails whatever it is asked."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no")

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Tensor:
    """What torch's tensors can do, as far as logging cares."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def numel(self) -> int:
        return len(self.value) if isinstance(self.value, list) else 1

    def item(self) -> Any:
        return self.value[0] if isinstance(self.value, list) else self.value

    def tolist(self) -> Any:
        return self.value


CASES: list[tuple[Any, Any]] = [
    (1.5, 1.5),
    (-0.0, -0.0),
    (5e-324, 5e-324),
    (1.7976931348623157e308, 1.7976931348623157e308),
    (math.inf, math.inf),
    (-math.inf, -math.inf),
    (2**63, 2**63),
    (-(10**30), -(10**30)),
    (True, True),
    (None, None),
    ("text \x00 \u2028 \U0001f600", "text \x00 \u2028 \U0001f600"),
    ([1, [2.5, "x"], None], [1, [2.5, "x"], None]),
    ((1, 2), [1, 2]),
    ({}, {}),
    ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
    ({1: 2}, {"1": 2}),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.int64(7), 7),
    (np.bool_(True), True),
    (np.array(3.5), 3.5),
    (np.array([3.5]), 3.5),
    (np.array([1, 2]), [1, 2]),
    (Tensor(0.25), 0.25),
    (Tensor([0.25]), 0.25),
    (Tensor([1, 2]), [1, 2]),
    (datetime.date(2026, 11, 21), "2026-11-21"),
    (decimal.Decimal("1.5"), "Decimal('1.5')"),
    (1 + 2j, "(1+2j)"),
    (b"raw", "b'raw'"),
]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=lambda value: type(value).__name__)
def test_values(tmp_path: Path, value: Any, expected: Any) -> None:
    run = begin()
    run.log({"value": value, "beside": 1})
    run.finish()
    (row,) = logged(tmp_path)
    assert row["beside"] == 1
    if expected == {}:
        assert row.get("value", {}) == {}
    else:
        assert row["value"] == expected
        assert type(row["value"]) is type(expected)


def test_not_a_number(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": math.nan, "b": np.float32("nan")})
    run.finish()
    (row,) = logged(tmp_path)
    assert math.isnan(row["a"])
    assert math.isnan(row["b"])


def test_a_bad_value_never_loses_the_row(tmp_path: Path) -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless
    round_list: list[Any] = []
    round_list.append(round_list)
    bad = [Hostile(), endless, round_list, object(), 10**5000, lambda: 1, "\ud800", {Hostile(): 1}]
    run = begin()
    for value in bad[:-1]:
        run.log({"value": value, "kept": 1})
    run.finish()
    assert [row["kept"] for row in logged(tmp_path)] == [1] * (len(bad) - 1)


def test_keys(tmp_path: Path) -> None:
    keys = ["a.b", "a/b", "ключ", "", " ", 'q"uote', "new\nline", "x" * 300, "_mine"]
    run = begin()
    run.log(dict.fromkeys(keys, 1))
    run.log({7: "number", (1, 2): "tuple"})  # type: ignore[dict-item]
    run.finish()
    first, second = logged(tmp_path)
    assert first == {**dict.fromkeys(keys, 1), "_step": 0}
    assert second == {"7": "number", "(1, 2)": "tuple", "_step": 1}


def test_names_of_our_own_do_not_break_the_row(tmp_path: Path) -> None:
    run = begin()
    run.log({"_step": 99, "a": 1})
    run.log({"_timestamp": 12.5, "a": 2})
    run.finish()
    rows = read(tmp_path).rows
    assert [row["_step"] for row in rows] == [0, 1]
    assert rows[1]["_timestamp"] == 12.5


def test_what_is_no_row_is_refused() -> None:
    run = begin()
    with pytest.raises(UsageError, match=r"log\(\) got float; give a dict"):
        run.log(0.5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"step='soon'; give a whole number"):
        run.log({"a": 1}, step="soon")  # type: ignore[arg-type]


def test_a_value_is_what_it_was_when_it_was_logged(tmp_path: Path) -> None:
    values = [1]
    run = begin()
    run.log({"values": values}, step=1)
    values.append(2)
    run.log({"b": 1}, step=2)
    assert logged(tmp_path)[0]["values"] == [1]
    assert run.summary["values"] == [1]


def test_numpy_and_float_steps(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1}, step=np.int64(4))  # type: ignore[arg-type]
    run.log({"a": 1}, step=5.0)  # type: ignore[arg-type]
    run.finish()
    assert [row["_step"] for row in logged(tmp_path)] == [4, 5]


def test_timestamps(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1})
    run.log({"a": 1}, step=1, commit=True)
    run.finish()
    for row in read(tmp_path).rows:
        assert 0 <= row["_timestamp"] - run.start_time < 30
        assert 0 <= row["_runtime"] < 30


def test_many_threads(tmp_path: Path) -> None:
    run = begin()
    gate = threading.Barrier(8)

    def work(number: int) -> None:
        gate.wait()
        for count in range(200):
            run.log({f"thread{number}": count})
            run.summary[f"last{number}"] = count

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    written = read(tmp_path)
    assert written.gaps == []
    assert [row["_step"] for row in written.rows] == list(range(1600))
    for number in range(8):
        column = [v for v in written.values(f"thread{number}") if v is not None]
        assert column == list(range(200))
        assert written.replay.summary[f"last{number}"] == 199


def test_rows_are_small(tmp_path: Path) -> None:
    run = begin()
    path = only(tmp_path).journal
    run.log({"loss": 0.0, "acc": 0.0, "lr": 0.0, "epoch": 0, "norm": 0.0})
    before = path.stat().st_size
    for number in range(1000):
        x = 1 / (number + 3)
        run.log({"loss": x, "acc": 1 - x, "lr": 0.001, "epoch": number // 100, "norm": x * x})
    assert (path.stat().st_size - before) / 1000 <= 200


def test_a_finished_run_refuses_rows(tmp_path: Path) -> None:
    run = begin()
    run.log({"a": 1})
    run.finish()
    run.finish()
    with pytest.raises(UsageError, match=f"run {run.id} is finished"):
        run.log({"a": 2})
    assert run.summary["a"] == 1
    assert run.step == 1
    assert len(logged(tmp_path)) == 1


def test_values_that_fight_back_lose_no_row(tmp_path: Path) -> None:
    class Raising(dict[str, Any]):
        def items(self) -> Any:
            raise RuntimeError("no")

    knot: dict[str, Any] = {}
    knot["a"] = knot["b"] = knot
    run = begin()
    run.define_metric("big", summary="mean,max")
    run.log({"n": 1, "knot": knot, "raising": Raising(a=1), "big": 10**400})
    run.log({"n": 2, "big": 3})
    run.finish()
    assert [row["n"] for row in logged(tmp_path)] == [1, 2]
