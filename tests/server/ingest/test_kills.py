"""SIGKILL at random moments while chunks and files arrive: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from server.held import RUN, Held
from server.making import Made, claim_of, journal_of, rows_of_training

from holdfast.server.ingest import PositionMismatch
from holdfast.wire import digest_of

ROWS = 4000

# Sends on from wherever the server stands, says aloud what it was told, starts over when done.
CHILD = """
import sys
from pathlib import Path
from holdfast.server.ingest import PositionMismatch, chunks, packs
from holdfast.wire import FileEntry, digest_of
from server.held import RUN, Held
from server.making import claim_of, journal_of, rows_of_training

chunks.INLINE_BYTES = 10_000  # so that there are pieces of both kinds
packs.PACK_BYTES = 1000  # and contents
held = Held(Path(sys.argv[1]))
frames = int(sys.argv[2])
made = journal_of(rows_of_training(int(sys.argv[3])))
say = lambda *words: print(*words, flush=True)
say("ready")
position = held.ingest.position(RUN, made.journal)
while position < len(made.data):
    end = made.ends[min(len(made.ends) - 1, sum(e <= position for e in made.ends) + frames - 1)]
    position = held.ingest.chunk(RUN, made.journal, position, made.data[position:end], "alive")
    say("position", position)
    data = str(position).encode() * 50
    entry = FileEntry(f"files/{position}", len(data), digest_of(data))
    assert held.ingest.name_files(RUN, made.journal, [entry], [(entry.digest, data)]) == []
    say("file", position)
    held.ingest.flush(1, idle=-1)
    held.ingest.pack()
say("done")
"""


def run_until_killed(root: Path, frames: int, delay: float) -> list[str]:
    """What the child said before it was killed ``delay`` seconds after it was ready."""
    tests = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(root), str(frames), str(ROWS)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)  # the moment is what is tested; nothing is waited for
        process.send_signal(signal.SIGKILL)
        return [line.strip() for line in process.stdout if line.endswith("\n")]


def check(root: Path, made: Made, said: list[str]) -> int:
    """All that was acknowledged is there, whole and once; returns the position."""
    held = Held(root)
    position = held.ingest.position(RUN, made.journal)
    acknowledged = [int(line.split()[1]) for line in said if line.startswith("position")]
    assert position >= max(acknowledged, default=0), "an acknowledged chunk was lost"
    assert position in {0, *made.ends}
    assert held.bytes_of(made.journal) == made.data[:position]
    rows = held.rows()
    assert [row.number for row in rows] == list(range(len(rows))), "a row is lost or doubled"
    assert [row.step for row in rows] == list(range(len(rows)))
    assert len(rows) == max(
        0, sum(end <= position for end in made.ends[2:]) - (position == len(made.data))
    )
    truth = rows_of_training(len(rows))
    assert all({**row.values, **want} == row.values for row, want in zip(rows, truth, strict=True))
    files = {row["path"]: row["digest"] for row in held.table("files")}
    for line in said:
        if line.startswith("file"):
            number = line.split()[1]
            assert files[f"files/{number}"] == digest_of(number.encode() * 50)
    for row in held.table("contents"):
        assert digest_of(held.content(row["digest"])) == row["digest"]
    held.close()
    return position


def test_kills_at_random_moments(tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    dice = random.Random(crash_seed)
    made = journal_of(rows_of_training(ROWS))
    moments = 0
    folder = 0
    while moments < crash_moments:
        root = tmp_path / str(folder)
        folder += 1
        position = 0
        while moments < crash_moments and position < len(made.data):
            frames = dice.choice([13, 60, 250, 1100])
            said = run_until_killed(root, frames, dice.uniform(0.0, 0.35))
            position = check(root, made, said)
            moments += 1
    finish(root, made)


def finish(root: Path, made: Made) -> None:
    """After all kills: the rest arrives, the claim matches, and only orphans are swept."""
    held = Held(root)
    position = held.ingest.position(RUN, made.journal)
    if position < len(made.data):
        held.ingest.chunk(RUN, made.journal, position, made.data[position:], "gone")
    files = len(held.table("files"))
    assert held.ingest.receipt(RUN, made.journal, claim_of(made, files=files)).rows == ROWS
    for path in root.rglob("*"):
        if path.is_file() and path.parent != root:
            os.utime(path, (1, 1))
    held.ingest.sweep()
    assert list(held.blobs.uploads()) == []
    assert len(held.rows()) == ROWS
    assert held.ingest.receipt(RUN, made.journal, claim_of(made, files=files)).rows == ROWS
    with pytest.raises(PositionMismatch):
        held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    assert len(held.rows()) == ROWS
    held.close()
