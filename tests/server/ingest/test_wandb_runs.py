"""Journals that real wandb versions wrote, whole and damaged: stored and read back row for row."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from server.held import RUN, Held
from wandb_runs import Fixture, fixtures

from holdfast import journal
from holdfast.records.replay import Replay
from holdfast.server.history.gather import rows_of
from holdfast.wire import Claim, digest_of

JOURNAL = "0123456789abcdef" * 2


# What the tests of records and journal do not show: that chunks, tails and segments keep it all.
SHARE = {"weird", "bigint", "media", "resumed-offline", "crashed"}
SHARE |= {"flipped-byte-payload", "noise-block", "zeroed-page", "header-only"}


@pytest.mark.parametrize(
    "fixture",
    [
        each
        for each in fixtures(damaged=False) + fixtures(damaged=True)
        if str(each).rpartition("/")[2] in SHARE and not str(each).startswith(("0.19", "0.28"))
    ],
    ids=str,
)
def test_every_row_comes_back(fixture: Fixture, tmp_path: Path) -> None:
    dice = random.Random(str(fixture))
    for number, process in enumerate(fixture.unpack(tmp_path / "runs")):
        data = process.journal.read_bytes()
        frames = [item for item in journal.scan(data) if isinstance(item, journal.Frame)]
        if not frames:
            continue  # nothing of it can be read: a sender finds no whole frame and sends none
        replay = Replay()
        batches = replay.apply(frame.payload for frame in frames).rows
        steps = [step for batch in batches for step in batch.steps]
        rows = [row for batch in batches for row in rows_of(batch)]
        held = Held(tmp_path / str(number))
        start = 0
        while start < frames[-1].end:
            end = dice.choice([frame.end for frame in frames if frame.end > start])
            start = held.ingest.chunk(RUN, JOURNAL, start, data[start:end], "gone")
            assert start == end
        found = held.rows(latest=False)[: len(rows)]
        assert [row.step for row in found] == steps
        assert repr([row.values for row in found]) == repr(
            [sorted_like(found[n].values, {"_step": steps[n], **row}) for n, row in enumerate(rows)]
        )
        claim = Claim(len(data), start, digest_of(data[:start]), len(data) - start, 0, "gone")
        receipt = held.ingest.receipt(RUN, JOURNAL, claim)
        assert receipt.rows == len(rows) + (replay.open_row is not None)
        assert dict(receipt.records) == dict(replay.records)
        held.close()


def sorted_like(model: dict[str, object], row: dict[str, object]) -> dict[str, object]:
    """The row with its keys in the model's order, so that a repr (which shows NaN) can compare."""
    assert row.keys() == model.keys()
    return {
        key: sorted_like(inner, row[key])  # type: ignore[arg-type]  both dicts, or the repr differs
        if isinstance(inner := model[key], dict) and isinstance(row[key], dict)
        else row[key]
        for key in model
    }
