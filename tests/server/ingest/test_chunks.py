"""Chunks: taken once, in order, in whatever sizes; what they say ends in the run's row."""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from server.held import RUN, Held
from server.making import START, Made, claim_of, journal_of, rows_of_training

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.records.definitions import MetricDef
from holdfast.records.encode import HistoryEncoder
from holdfast.records.schema import Record
from holdfast.server.history import read_columns, read_console
from holdfast.server.ingest import PositionMismatch, chunks, segments


def send(held: Held, made: Made, frames: int = 10_000, run: RunPath = RUN) -> None:
    for start, data in made.pieces(frames):
        assert held.ingest.position(run, made.journal) == start
        assert held.ingest.chunk(run, made.journal, start, data, "gone") == start + len(data)


def values(held: Held, run: RunPath = RUN) -> list[dict[str, Any]]:
    return [row.values for row in held.rows(run)]


def test_an_unknown_journal_stands_at_0(held: Held) -> None:
    assert held.ingest.position(RUN, "0" * 32) == 0
    assert held.table("runs") == []


def test_a_chunk_becomes_rows_and_a_run(held: Held) -> None:
    rows = [{"loss": 1 / (1 + i), "acc": i} for i in range(20)]
    made = journal_of(rows, name="first", config={"lr": 0.1}, tags=("a", "b"), notes="n")
    send(held, made)
    assert [(v["_step"], v["loss"], v["acc"]) for v in values(held)] == [
        (i, 1 / (1 + i), i) for i in range(20)
    ]
    assert held.bytes_of(made.journal) == made.data
    run = held.run()
    assert run["name"] == "first"
    assert run["config"] == {"lr": 0.1}
    assert run["tags"] == ["a", "b"]
    assert run["notes"] == "n"
    assert run["summary"]["loss"] == 1 / 20
    assert run["summary"]["_step"] == 19
    assert (run["rows"], run["last_step"], run["exit_code"]) == (20, 19, 0)
    assert run["started_at"] == START
    assert run["duration"] == 19.0
    assert run["ended_at"] == START + 19
    assert run["proof"] == "arriving"
    assert run["metric_keys"]["history"]["loss"] == "number"


def test_repeats_change_nothing(held: Held) -> None:
    made = journal_of(rows_of_training(300))
    for start, data in made.pieces(50):
        held.ingest.chunk(RUN, made.journal, start, data, "gone")
        before = held.everything()
        for wrong in {0, start, start + len(data) + 1}:
            with pytest.raises(PositionMismatch) as caught:
                held.ingest.chunk(RUN, made.journal, wrong, data, "gone")
            assert caught.value.position == start + len(data)
            assert caught.value.detail == {"position": start + len(data)}
            assert (caught.value.status, caught.value.code) == (409, "position_mismatch")
        assert held.everything() == before
    assert len(held.rows()) == 300


@pytest.mark.parametrize("frames", [1, 7, 100, 10_000])
def test_any_sizes_of_chunks_give_the_same(
    held: Held, tmp_path: Path, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"loss": 1 / (1 + i), "at": {"lr": i * 0.1}, **({"word": f"w{i}"} if i % 50 == 0 else {})}
        for i in range(400)
    ]
    rows += [{"_step": 150 + i, "loss": i, "late": True} for i in range(100)]
    stats = [encode.stats({"cpu": i / 2}, START + i) for i in range(30)]
    text = [encode.output("stdout", f"line {i}\n", START + i) for i in range(30)]
    made = journal_of(rows, before=stats[:10] + text[:10], after=stats[10:] + text[10:])
    whole = Held(tmp_path / "whole")
    send(whole, made)
    monkeypatch.setattr(chunks, "INLINE_BYTES", 3000)  # so that there are pieces of both kinds
    monkeypatch.setattr(segments, "SLICE_BYTES", 2000)
    for number, (start, data) in enumerate(made.pieces(frames)):
        held.ingest.chunk(RUN, made.journal, start, data, "gone")
        if number % 3 == 2:
            held.ingest.flush(1, idle=-1)
    before = values(held)
    held.ingest.flush(1, idle=-1)
    assert values(held) == before
    assert values(held) == values(whole)
    assert [row[1:4] for row in held.rows(latest=False)] == [
        row[1:4] for row in whole.rows(latest=False)
    ]
    assert held.run() == whole.run()
    assert held.bytes_of(made.journal) == made.data
    assert list(read_console(held.sources(), held.blobs)) == list(
        read_console(whole.sources(), whole.blobs)
    )
    for server in (held, whole):
        cpu = read_columns(
            server.sources(), server.blobs, ["cpu", "_timestamp"], kind="system"
        ).values
        assert cpu["cpu"].tolist() == [i / 2 for i in range(30)]
        assert cpu["_timestamp"].tolist() == [START + i for i in range(30)]
    whole.close()
    assert held.table("segments"), "nothing was written out"


@pytest.mark.parametrize("frames", [1, 7, 10_000])
def test_rows_that_leave_their_runtime_out_have_it(
    held: Held, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a chunk, a slice or the tail begins: the ``run`` record is far away then."""
    monkeypatch.setattr(segments, "SLICE_BYTES", 1000)
    rows: list[dict[str, Any]] = [{"loss": 1 / (1 + i)} for i in range(60)]
    rows += [{"word": "x", "_timestamp": START + 60}, {"loss": 0.5, "_runtime": 99.5}]
    still_open = {"loss": 2.0, "_timestamp": START + 70}
    after = [HistoryEncoder().encode_open(still_open, 62)]
    since = round(START * 1000) - 1500
    made = journal_of(rows, runtime_since=since, after=after, exit_code=None)
    for number, (start, data) in enumerate(made.pieces(frames)):
        held.ingest.chunk(RUN, made.journal, start, data, "gone")
        if number % 20 == 10:
            held.ingest.flush(1, idle=-1)
    expected = [1.5 + step for step in range(61)] + [99.5, 71.5]
    assert [row["_runtime"] for row in values(held)] == expected
    held.ingest.flush(1, idle=-1)
    assert [row["_runtime"] for row in values(held)] == expected
    columns = read_columns(held.sources(), held.blobs, ["_runtime"])
    assert columns.values["_runtime"].tolist() == expected
    assert held.run()["summary"]["_runtime"] == 71.5


def test_long_journals_leave_the_database(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SLICE_BYTES", 1 << 20)
    made = journal_of(rows_of_training(6000))
    send(held, made, 500)
    assert len(made.data) > 2 << 20
    whole, run = held.rows(), held.run()
    assert len(whole) == 6000
    held.ingest.flush(1, idle=-1)
    assert all(row["data"] is None for row in held.table("pieces"))
    assert held.bytes_of(made.journal) == made.data
    found = sorted(held.table("segments"), key=lambda row: row["first_row"])
    assert len(found) == 3
    assert found[0]["first_row"] == 0
    for before, after in itertools.pairwise(found):
        assert before["first_row"] + before["rows"] == after["first_row"]
        assert before["end"] == after["start"]
    assert held.rows() == whole
    assert held.run() == run


def test_a_chunk_that_arrives_while_segments_are_made(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = journal_of(rows_of_training(60))
    (_, first), (start, second) = made.pieces(40)
    held.ingest.chunk(RUN, made.journal, 0, first, "alive")
    put = held.blobs.put

    def put_late(name: str, parts: Iterable[bytes]) -> None:
        put(name, parts)
        if held.ingest.position(RUN, made.journal) == start:
            held.ingest.chunk(RUN, made.journal, start, second, "gone")

    monkeypatch.setattr(held.blobs, "put", put_late)
    held.ingest.flush(1, idle=-1)
    assert [row.step for row in held.rows()] == list(range(60))
    assert held.bytes_of(made.journal) == made.data


def test_two_that_make_the_same_segments(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    made = journal_of(rows_of_training(60))
    send(held, made)
    before = held.rows()
    put = held.blobs.put
    first = True

    def put_after_another(name: str, parts: Iterable[bytes]) -> None:
        nonlocal first
        if first:
            first = False
            assert held.ingest.flush(1, idle=-1) == 1
        put(name, parts)

    monkeypatch.setattr(held.blobs, "put", put_after_another)
    assert held.ingest.flush(1, idle=-1) == 0
    assert len(held.table("segments")) == 1
    assert held.rows() == before
    assert held.bytes_of(made.journal) == made.data


def test_bytes_after_the_last_whole_frame_are_left(held: Held) -> None:
    made = journal_of(rows_of_training(10))
    cut = made.ends[6] + 5
    assert held.ingest.chunk(RUN, made.journal, 0, made.data[:cut], "alive") == made.ends[6]
    assert held.bytes_of(made.journal) == made.data[: made.ends[6]]
    rest = made.data[made.ends[6] :]
    assert held.ingest.chunk(RUN, made.journal, made.ends[6], rest, "gone") == len(made.data)
    assert held.bytes_of(made.journal) == made.data


@pytest.mark.parametrize("data", [b"x", b":W&B\xe1\xbe\x00", bytes(100_000), b"\xff" * 50_000])
def test_bytes_without_a_whole_frame_are_refused(held: Held, data: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        held.ingest.chunk(RUN, "a" * 32, 0, data, "gone")
    assert (caught.value.status, caught.value.code) == (422, "invalid")
    assert held.table("runs") == []


@pytest.mark.parametrize("journal", ["", "x", "A" * 32, "../" + "a" * 29, "a" * 31, "a" * 33])
def test_ids_that_are_none(held: Held, journal: str) -> None:
    with pytest.raises(RefusedError, match="not the id of a journal"):
        held.ingest.chunk(RUN, journal, 0, b"x", "gone")
    with pytest.raises(RefusedError):
        held.ingest.position(RUN, journal)


@pytest.mark.parametrize("frames", [1, 40, 10_000])
def test_gaps_are_kept_and_counted(held: Held, frames: int) -> None:
    made = journal_of(rows_of_training(400))
    data = bytearray(made.data)
    hurt = [20, 21, 22, 150]
    for index in hurt:
        data[made.ends[index] - 3] ^= 0xFF
    ends = [end for index, end in enumerate(made.ends) if index not in hurt]
    broken = Made(bytes(data), made.journal, ends)
    send(held, broken, frames)
    assert held.bytes_of(made.journal) == bytes(data)
    gaps = [[made.ends[19], made.ends[22]], [made.ends[149], made.ends[150]]]
    (journal,) = held.table("journals")
    assert journal["gaps"] == str(gaps)
    assert held.run()["proof"] == "gaps"
    steps = [row.step for row in held.rows()]
    assert steps == [i for i in range(400) if i + 2 not in hurt]
    receipt = held.ingest.receipt(RUN, made.journal, claim_of(broken))
    assert [list(gap) for gap in receipt.gaps] == gaps
    assert receipt.rows == 396
    assert held.run()["proof"] == "gaps"


def test_no_bytes_only_say_how_the_writer_is(held: Held) -> None:
    made = journal_of(rows_of_training(5), exit_code=None)
    assert held.ingest.chunk(RUN, made.journal, 0, b"", "alive") == 0
    assert held.table("runs") == []
    held.ingest.chunk(RUN, made.journal, 0, made.data, "alive")
    (before,) = held.table("runs")
    assert before["writer"] == "alive"
    held.ingest.chunk(RUN, made.journal, len(made.data), b"", "alive")
    (after,) = held.table("runs")
    assert after["heard_at"] >= before["heard_at"]
    assert after["changed"] == before["changed"], "a heartbeat is no change"
    held.ingest.chunk(RUN, made.journal, len(made.data), b"", "gone")
    (last,) = held.table("runs")
    assert last["writer"] == "gone"
    assert last["changed"] > before["changed"]
    with pytest.raises(PositionMismatch):
        held.ingest.chunk(RUN, made.journal, 3, b"", "gone")


def test_changes_are_numbered_over_the_server(held: Held) -> None:
    numbers = []
    for n in range(3):
        run = RUN._replace(run_id=f"r{n}")
        made = journal_of(rows_of_training(4), start_time=START + n)
        for start, data in made.pieces(2):
            held.ingest.chunk(run, made.journal, start, data, "gone")
            numbers.append(max(row["changed"] for row in held.table("runs")))
    assert numbers == list(range(1, len(numbers) + 1))


def journals_of_a_restarted_run() -> list[Made]:
    first = journal_of(
        [{"loss": 10.0 + i, "low": 5 - i} for i in range(10)],
        config={"lr": 1, "opt": "sgd"},
        name="one",
        tags=("x",),
        before=[encode.metric(MetricDef("low", summary=("min",)))],
        exit_code=None,
    )
    second = journal_of(
        [{"_step": 5 + i, "loss": 20.0 + i, "low": 3 - i} for i in range(3)],
        start_time=START + 100,
        config={"lr": 2},
        before=[encode.metric(MetricDef("low", summary=("min",)))],
        exit_code=1,
    )
    third = journal_of(
        [{"_step": 7 + i, "loss": 30.0 + i, "new": {"a": i}} for i in range(4)],
        start_time=START + 200,
        name="three",
        exit_code=0,
    )
    return [first, second, third]


def test_several_journals_in_any_order_are_one_run(tmp_path: Path) -> None:
    made = journals_of_a_restarted_run()
    seen = []
    for number, order in enumerate(itertools.permutations(made)):
        server = Held(tmp_path / str(number))
        for journal in order:
            send(server, journal, 4)
        seen.append((server.run(), values(server), [row[1:] for row in server.rows(latest=False)]))
        server.close()
    assert all(each == seen[0] for each in seen)
    run, rows, every = seen[0]
    assert run["config"] == {"lr": 2, "opt": "sgd"}
    assert (run["name"], run["tags"]) == ("three", ["x"])
    assert (run["exit_code"], run["rows"], run["last_step"]) == (0, 17, 10)
    assert run["summary"]["loss"] == 33.0
    assert run["summary"]["low"] == {"min": -4}
    assert run["started_at"] == START
    losses = [10.0, 11.0, 12.0, 13.0, 14.0, 20.0, 21.0, 18.0, 19.0, 30.0, 31.0, 32.0, 33.0]
    assert len(every) == 17
    # steps 8 and 9 of the first lie in the span of the third, so they are hidden with the rest
    assert [row["loss"] for row in rows] == [x for x in losses if x not in (18.0, 19.0)]


def test_journals_may_arrive_interleaved(tmp_path: Path) -> None:
    made = journals_of_a_restarted_run()
    ordered = Held(tmp_path / "ordered")
    for journal in made:
        send(ordered, journal)
    mixed = Held(tmp_path / "mixed")
    waiting = [(journal, list(journal.pieces(2))) for journal in made]
    dice = random.Random(7)
    while waiting:
        journal, pieces = dice.choice(waiting)
        start, data = pieces.pop(0)
        mixed.ingest.chunk(RUN, journal.journal, start, data, "gone")
        waiting = [item for item in waiting if item[1]]
    assert mixed.run() == ordered.run()
    assert values(mixed) == values(ordered)
    ordered.close()
    mixed.close()


def test_a_later_stretch_of_one_journal_takes_over(held: Held) -> None:
    rows = [{"x": i} for i in range(10)]
    rows += [{"_step": 4, "x": 100}, {"_step": 6, "x": 101}]
    rows += [{"_step": 5, "x": 200}]
    send(held, journal_of(rows), 3)
    every = [(row.stretch, row.step, row.values["x"]) for row in held.rows(latest=False)]
    assert every == [(0, i, i) for i in range(10)] + [(1, 4, 100), (1, 6, 101), (2, 5, 200)]
    shown = [(row.step, row.values["x"]) for row in held.rows()]
    assert shown == [
        *((i, i) for i in (0, 1, 2, 3, 7, 8, 9)),
        (4, 100),
        (6, 101),
        (5, 200),
    ]


def test_the_row_of_an_open_step_is_the_last(held: Held) -> None:
    encoder = HistoryEncoder()
    opened = [encoder.encode_open({"a": 1, "_timestamp": START + 9}, 5)]
    opened.append(encoder.encode_open({"b": {"c": 2}}, 5))
    made = journal_of([{"a": i} for i in range(5)], after=opened, exit_code=None)
    send(held, made, 2)
    assert len(held.rows()) == 6
    last = held.rows()[-1]
    assert (last.number, last.stretch, last.step) == (5, 0, 5)
    assert last.values == {"_step": 5, "a": 1, "b": {"c": 2}, "_timestamp": START + 9}
    run = held.run()
    assert (run["rows"], run["last_step"]) == (6, 5)
    assert run["summary"]["b"] == {"c": 2}
    assert run["metric_keys"]["history"]["b.c"] == "number"
    assert held.ingest.receipt(RUN, made.journal, claim_of(made)).rows == 6
    assert held.ingest.flush(10, idle=-1) == 1
    assert held.rows()[-1] == last


def test_a_summary_that_is_not_finite(held: Held) -> None:
    send(held, journal_of([{"loss": math.nan, "top": math.inf}]))
    summary = held.run()["summary"]
    assert math.isnan(summary["loss"])
    assert summary["top"] == math.inf


def test_kinds_of_metrics(held: Held) -> None:
    rows: list[dict[str, Any]] = [
        {"n": 1, "b": True, "t": "x", "j": [1], "m": {"_type": "image-file"}, "mixed": None},
        {"mixed": 2.5, "d": {"e": 1, "f": "x"}},
    ]
    send(held, journal_of(rows), 1)
    kinds = held.run()["metric_keys"]["history"]
    del kinds["_timestamp"], kinds["_runtime"]
    assert kinds == {
        "n": "number",
        "b": "bool",
        "t": "text",
        "j": "json",
        "m": "image-file",
        "mixed": "number",
        "d.e": "number",
        "d.f": "text",
    }


def test_many_threads_send_the_same_journal(held: Held) -> None:
    made = journal_of(rows_of_training(600))
    pieces = list(made.pieces(100))
    taken: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for start, data in pieces:
                while True:
                    try:
                        held.ingest.chunk(RUN, made.journal, start, data, "gone")
                        taken.append(start)
                        break
                    except PositionMismatch as mismatch:
                        if mismatch.position > start:
                            break
        except BaseException as error:  # noqa: BLE001  told to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(taken) == [start for start, _ in pieces]  # each once
    assert [row.step for row in held.rows()] == list(range(600))
    assert held.bytes_of(made.journal) == made.data


def test_two_servers_on_one_folder_take_a_chunk_once(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position is compared in the transaction, not only under this process's lock."""
    made = journal_of(rows_of_training(50))
    first = made.ends[9]
    held.ingest.chunk(RUN, made.journal, 0, made.data[:first], "gone")
    other = Held(held.root)
    rest = (RUN, made.journal, first, made.data[first:], "gone")
    read = chunks._read

    def slowly(*given: Any) -> Any:
        monkeypatch.setattr(chunks, "_read", read)
        other.ingest.chunk(*rest)  # between our look at the position and our transaction
        return read(*given)

    monkeypatch.setattr(chunks, "_read", slowly)
    with pytest.raises(PositionMismatch) as caught:
        held.ingest.chunk(*rest)
    assert caught.value.position == len(made.data)
    other.close()
    assert [row.step for row in held.rows()] == list(range(50))
    assert held.bytes_of(made.journal) == made.data


def test_steps_beyond_64_bits(held: Held) -> None:
    send(held, journal_of([{"a": 1}, {"_step": 2**63 - 1, "a": 2}]))
    assert [row.step for row in held.rows()] == [0, 2**63 - 1]
    record = Record()
    record.history.item.add(nested_key=["_step"], value_json=str(2**70))
    record.history.item.add(nested_key=["a"], value_json="1")
    huge = record.SerializeToString()
    other = RUN._replace(run_id="r2")
    send(held, journal_of([], after=[huge]), run=other)
    assert [row.step for row in held.rows(other)] == [0], "such a step is as good as none"
    assert held.run(other)["last_step"] == 0
