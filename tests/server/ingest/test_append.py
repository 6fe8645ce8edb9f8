"""What a server writes itself: sessions, edits, two who write at once, kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from server.held import RUN
from server.held import Held as Folder
from server.making import START, journal_of

from holdfast.journal import scan_payloads
from holdfast.records import encode
from holdfast.records.encode import HistoryEncoder, RunInfo, StreamCounts
from holdfast.records.replay import Replay
from holdfast.server.ingest import Held, Say
from holdfast.server.ingest.errors import RunDeleted
from holdfast.server.metastore import run_state
from holdfast.wire import journal_id

ROW = HistoryEncoder().encode


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


def begun(role: str = "server", start: float = START, **said: str) -> list[bytes]:
    return [
        encode.header("test", role=role),
        encode.run(RunInfo("r1", start_time=start, **said)),
    ]


def state(folder: Folder) -> tuple[str, float, float]:
    row = folder.run()
    heard = folder.table("runs")[0]["heard_at"]
    return (
        run_state(row["exit_code"], row["writer"], heard, heard),
        row["started_at"],
        row["duration"],
    )


def test_a_session_begins_and_goes_on(folder: Folder) -> None:
    first = [*begun(name="n"), encode.stream_counts(StreamCounts(1)), ROW({"a": 1}, 0)]

    def begin(held: Held) -> list[bytes]:
        assert held == Held(None, None, StreamCounts(), None, False, 0.0)
        return first

    def go_on(held: Held) -> list[bytes]:
        assert held.run is not None
        assert held.run.name == "n"
        assert held.replay is not None
        assert held.replay.rows == held.counts.history == 1
        assert (held.greatest_step, held.last_start) == (0, START)
        return [ROW({"a": 2}, 1), encode.exit_record(3, 5)]

    assert not folder.ingest.append(RUN, begin)
    assert not folder.ingest.append(RUN, go_on)
    [journal] = folder.table("journals")
    assert (journal["role"], journal["complete"], journal["exit_code"]) == ("server", True, 3)
    assert journal["journal"] == journal_id(first[1])
    assert folder.run()["proof"] == "received"
    assert [row.values for row in folder.rows()] == [{"_step": 0, "a": 1}, {"_step": 1, "a": 2}]
    stored = folder.bytes_of(journal["journal"])
    assert len(scan_payloads(stored).payloads) == 6


def test_nothing_to_add_says_that_the_client_lives(folder: Folder) -> None:
    folder.ingest.append(RUN, lambda held: begun())
    before = folder.everything()
    folder.ingest.append(RUN, lambda held: [])
    after = folder.everything()
    assert after["journals"][0].pop("heard_at") >= before["journals"][0].pop("heard_at")
    assert after["runs"][0].pop("heard_at") >= before["runs"][0].pop("heard_at")
    assert after == before
    assert state(folder)[0] == "running"


def test_nothing_to_add_to_no_run_makes_none(folder: Folder) -> None:
    folder.ingest.append(RUN, lambda held: [])
    assert folder.table("runs") == []


def test_a_journal_begins_with_its_header(folder: Folder) -> None:
    with pytest.raises(ValueError, match="header"):
        folder.ingest.append(RUN, lambda held: [ROW({"a": 1}, 0)])


def test_a_second_session_is_a_journal_of_its_own(folder: Folder) -> None:
    counts = StreamCounts(2, 3, 4, "x")
    end = [encode.stream_counts(counts), encode.exit_record(1, 5)]
    folder.ingest.append(RUN, lambda held: [*begun(), ROW({"a": 1}, 0), *end])
    assert folder.ingest.counts(RUN) == counts
    folder.ingest.append(RUN, lambda held: begun(start=START + 60))
    assert state(folder)[0] == "running"
    assert folder.ingest.counts(RUN) == StreamCounts()
    assert folder.run()["rows"] == 1


def edit(held: Held) -> list[bytes]:
    cleared = encode.run(RunInfo("r1", name="edited"), cleared=["notes", "tags"])
    said = [cleared, encode.config({"new": 1}, ["lr"]), encode.summary({"s": 2}, ["loss"])]
    return said if held.replay is not None else [*begun("edits", START + 1000), *said]


@pytest.mark.parametrize("sender", [True, False])
def test_edits_change_what_is_said_and_nothing_else(folder: Folder, sender: bool) -> None:
    rows = [{"loss": 1.0, "_timestamp": START + 7}]
    if sender:
        made = journal_of(rows, name="n", notes="x", tags=("t",), config={"lr": 1, "n": 2})
        folder.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    else:
        info = RunInfo("r1", name="n", notes="x", tags=("t",), start_time=START)
        payloads = [encode.header("test", role="server"), encode.run(info, {"lr": 1, "n": 2})]
        payloads += [ROW(rows[0], 0), encode.exit_record(0, 7)]
        folder.ingest.append(RUN, lambda held: payloads)
    before = folder.run(), state(folder)
    folder.ingest.append(RUN, edit, role="edits")
    folder.ingest.append(RUN, edit, role="edits")
    after = folder.run(), state(folder)
    assert len(folder.table("journals")) == (2 if sender else 1)
    changed = {key for key in before[0] if before[0][key] != after[0][key]}
    assert changed - {"writer", "proof"} == {"name", "notes", "tags", "config", "summary"}
    assert before[1] == after[1]
    assert (after[0]["name"], after[0]["notes"], after[0]["tags"]) == ("edited", "", [])
    assert after[0]["config"] == {"n": 2, "new": 1}
    assert after[0]["summary"].keys() - {"_runtime"} == {"_step", "_timestamp", "s"}
    assert before[0]["proof"] == after[0]["proof"]


def test_a_run_is_asked_to_stop(folder: Folder) -> None:
    folder.ingest.append(RUN, lambda held: begun())
    folder.ingest.request_stop(RUN)
    assert folder.ingest.append(RUN, lambda held: [])
    folder.ingest.append(RUN, lambda held: begun(start=time.time() + 1))
    assert not folder.ingest.append(RUN, lambda held: [])


def test_a_removed_run_is_gone_with_all_that_hangs_on_it(folder: Folder) -> None:
    folder.ingest.append(RUN, lambda held: [*begun(), ROW({"a": 1}, 0), encode.exit_record(0, 1)])
    [journal] = folder.table("journals")
    folder.ingest.flush(10, idle=-1)
    assert folder.table("segments")
    assert folder.ingest.remove_run(RUN, "ada")
    for name in ("runs", "journals", "pieces", "segments", "stretches", "files"):
        assert folder.table(name) == [], name
    assert not folder.ingest.remove_run(RUN, "ada")
    with pytest.raises(RunDeleted):
        folder.ingest.chunk(RUN, journal["journal"], journal["position"], b"x", "gone")


def test_many_who_write_at_once_lose_nothing(folder: Folder) -> None:
    folder.ingest.append(RUN, lambda held: begun())

    def row(who: int, n: int) -> Say:
        def say(held: Held) -> list[bytes]:
            assert held.replay is not None
            return [ROW({"who": who, "n": n}, held.replay.rows)]

        return say

    def write(number: int) -> None:
        for count in range(20):
            folder.ingest.append(RUN, row(number, count))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row.step for row in folder.rows()] == list(range(80))
    assert {(r.values["who"], r.values["n"]) for r in folder.rows()} == {
        (who, n) for who in range(4) for n in range(20)
    }


# Adds rows that carry their number and the counts with them, says aloud what was taken.
CHILD = """
import sys
from pathlib import Path
from holdfast.records import encode
from holdfast.records.encode import HistoryEncoder, RunInfo, StreamCounts
from holdfast.server.ingest import chunks
from server.held import RUN, Held

chunks.TAIL_ROWS = 300
folder = Held(Path(sys.argv[1]))
row = HistoryEncoder().encode

def say(held):
    global done
    done = held.counts.history
    rows = [row({"n": n}, n) for n in range(done, done + 37)]
    begin = [] if held.replay else [encode.header("t", role="server"), encode.run(RunInfo("r1"))]
    return [*begin, *rows, encode.stream_counts(StreamCounts(done + 37))]

print("ready", flush=True)
while True:
    folder.ingest.append(RUN, say)
    print(done, flush=True)
    folder.ingest.flush(1, idle=-1)
"""


def test_kills_at_random_moments(tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    dice = random.Random(crash_seed)
    tests = Path(__file__).parents[2]
    taken = 0
    for _ in range(crash_moments):
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(dice.uniform(0.0, 0.3))  # the moment is what is tested
            process.send_signal(signal.SIGKILL)
            said = [line.strip() for line in process.stdout if line.endswith("\n")]
        taken = max([taken, *(int(number) + 37 for number in said)])
        folder = Folder(tmp_path)
        held = folder.ingest.counts(RUN).history
        assert held >= taken, "what was acknowledged is lost"
        assert [row.values.get("n") for row in folder.rows()] == list(range(held))
        for journal in folder.table("journals"):
            replay = Replay()
            replay.apply(scan_payloads(folder.bytes_of(journal["journal"])).payloads)
            assert replay.counts[""].history == replay.rows == held
        folder.close()
    assert taken > 0
