"""Receipts: given when the claim is what the server holds, made from what can be read back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from server.held import RUN, Held
from server.making import claim_of, journal_of, rows_of_training

from holdfast.errors import NotFoundError
from holdfast.records import encode
from holdfast.server.ingest import ClaimMismatch
from holdfast.wire import FileEntry, digest_of


def test_a_receipt_says_what_is_held(held: Held) -> None:
    made = journal_of(rows_of_training(30))
    held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    files = [FileEntry("output.log", 1, digest_of(b"x")), FileEntry("a/b", 1, digest_of(b"x"))]
    held.ingest.name_files(RUN, made.journal, files, [(digest_of(b"x"), b"x")])
    assert held.run()["proof"] == "arriving"
    receipt = held.ingest.receipt(RUN, made.journal, claim_of(made, files=2, torn=3))
    assert (receipt.run.entity, receipt.run.project, receipt.run.run_id) == RUN
    assert receipt.journal == made.journal
    assert receipt.position == len(made.data)
    assert receipt.digest == digest_of(made.data)
    assert dict(receipt.records) == {"header": 1, "run": 1, "history": 30, "exit": 1}
    assert (receipt.rows, receipt.gaps, receipt.complete) == (30, (), True)
    assert receipt.files == (files[1], files[0])
    assert receipt.state == "finished"
    assert held.run()["proof"] == "confirmed"
    again = held.ingest.receipt(RUN, made.journal, claim_of(made, files=2, torn=3))
    assert again == receipt


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("wrong", ["position", "digest", "files"])
def test_a_claim_that_differs(held: Held, wrong: str, flushed: bool) -> None:
    made = journal_of(rows_of_training(30))
    held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    if flushed:
        assert held.ingest.flush(1, idle=-1) == 1
    claim = claim_of(made)
    claim = {
        "position": replace(claim, position=claim.position + 9, size=claim.size + 9),
        "digest": replace(claim, digest=digest_of(b"")),
        "files": replace(claim, files=1),
    }[wrong]
    before = held.everything()
    with pytest.raises(ClaimMismatch) as caught:
        held.ingest.receipt(RUN, made.journal, claim)
    assert (caught.value.status, caught.value.code) == (409, "claim_mismatch")
    assert caught.value.detail["position"] == len(made.data)
    assert caught.value.detail["digest"] == digest_of(made.data)
    assert held.everything() == before


def test_stored_bytes_that_changed_get_no_receipt(held: Held) -> None:
    made = journal_of(rows_of_training(30))
    held.ingest.chunk(RUN, made.journal, 0, made.data, "gone")
    held.ingest.flush(1, idle=-1)
    (blob,) = held.blobs.list("journals/")
    path = held.root / "blobs" / blob.name
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ClaimMismatch, match="other bytes"):
        held.ingest.receipt(RUN, made.journal, claim_of(made))


def test_what_comes_after_a_claim_is_not_confirmed(held: Held) -> None:
    made = journal_of(rows_of_training(30))
    first = made.ends[20]
    held.ingest.chunk(RUN, made.journal, 0, made.data[:first], "alive")
    part = replace(made, data=made.data[:first])
    receipt = held.ingest.receipt(RUN, made.journal, claim_of(part, writer="alive"))
    assert (receipt.complete, receipt.state) == (False, "running")
    assert held.run()["proof"] == "confirmed"
    held.ingest.chunk(RUN, made.journal, first, made.data[first:], "gone")
    assert held.run()["proof"] == "arriving"
    assert held.ingest.receipt(RUN, made.journal, claim_of(made)).state == "finished"
    assert held.run()["proof"] == "confirmed"


def test_a_run_is_confirmed_when_all_its_journals_are(held: Held) -> None:
    made = [journal_of(rows_of_training(3), start_time=1e9 + n, exit_code=n) for n in range(2)]
    for each in made:
        held.ingest.chunk(RUN, each.journal, 0, each.data, "gone")
    held.ingest.receipt(RUN, made[0].journal, claim_of(made[0]))
    assert held.run()["proof"] == "arriving"
    assert held.ingest.receipt(RUN, made[1].journal, claim_of(made[1])).state == "failed"
    assert held.run()["proof"] == "confirmed"


@pytest.mark.parametrize(
    ("code", "writer", "state"),
    [
        (0, "gone", "finished"),
        (3, "gone", "failed"),
        (None, "gone", "crashed"),
        (None, "alive", "running"),
        (None, "unknown", "pending"),
    ],
)
def test_states(held: Held, code: int | None, writer: str, state: str) -> None:
    made = journal_of(rows_of_training(3), exit_code=code)
    held.ingest.chunk(RUN, made.journal, 0, made.data, "unknown")
    assert held.ingest.receipt(RUN, made.journal, claim_of(made, writer=writer)).state == state


@pytest.mark.parametrize(
    ("code", "writer", "state"),
    [
        (0, "gone", "finished"),
        (3, "gone", "failed"),
        (None, "gone", "preempted"),
        (None, "alive", "running"),
        (None, "unknown", "pending"),
    ],
)
def test_states_of_preempting(held: Held, code: int | None, writer: str, state: str) -> None:
    made = journal_of(rows_of_training(3), after=[encode.preempting()], exit_code=code)
    held.ingest.chunk(RUN, made.journal, 0, made.data, "unknown")
    assert held.ingest.receipt(RUN, made.journal, claim_of(made, writer=writer)).state == state


def test_an_unknown_journal(held: Held) -> None:
    made = journal_of(rows_of_training(3))
    with pytest.raises(NotFoundError, match="no journal"):
        held.ingest.receipt(RUN, made.journal, claim_of(made))
