"""Runs that somebody deletes stay away, whoever sends them, until they are let in again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from server.held import RUN, Held
from server.making import START, claim_of, journal_of

from holdfast.errors import NotFoundError, RefusedError
from holdfast.records import encode
from holdfast.records.encode import RunInfo
from holdfast.wire import FileEntry, Given, digest_of

MADE = journal_of([{"a": n} for n in range(5)])


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    held = Held(tmp_path / "data")
    yield held
    held.close()


def send(held: Held) -> None:
    held.ingest.chunk(RUN, MADE.journal, 0, MADE.data, "gone")


def begin(held: Held) -> None:
    records = [encode.header("client", role="server"), encode.run(RunInfo("r1", start_time=START))]
    held.ingest.append(RUN, lambda _: records)


@pytest.mark.parametrize(
    "ask",
    [
        lambda held: held.ingest.position(RUN, MADE.journal),
        send,
        lambda held: held.ingest.chunk(RUN, MADE.journal, len(MADE.data), b"", "alive"),
        lambda held: held.ingest.name_files(RUN, MADE.journal, [FileEntry("a", 1, digest_of(b""))]),
        lambda held: held.ingest.receipt(RUN, MADE.journal, claim_of(MADE)),
        begin,
    ],
    ids=["position", "chunk", "word", "files", "claim", "client"],
)
def test_whatever_is_said_of_it_is_refused(held: Held, ask: Callable[[Held], Any]) -> None:
    send(held)
    assert held.ingest.remove_run(RUN, "ada")
    with pytest.raises(RefusedError) as caught:
        ask(held)
    assert (caught.value.status, caught.value.code) == (410, "run_deleted")
    assert caught.value.detail["by"] == "ada"
    assert "run r1 was deleted" in str(caught.value)
    assert "--again" in str(caught.value)
    assert held.table("runs") == held.table("journals") == held.table("pieces") == []


def test_it_lapses_comes_again_when_it_may_and_is_whole(held: Held, tmp_path: Path) -> None:
    send(held)
    given = Given.of(held.ingest.receipt(RUN, MADE.journal, claim_of(MADE)))
    assert held.ingest.lapsed([given]) == []
    before = held.run()
    held.ingest.remove_run(RUN, "ada")
    assert held.ingest.lapsed([given]) == [0]
    assert not held.ingest.remove_run(RUN, "eve")  # it is gone already: who did it stays
    held.close()
    again = Held(tmp_path / "data")
    with pytest.raises(RefusedError, match="by ada"):
        send(again)
    for _ in range(2):
        again.ingest.readmit(RUN)
    send(again)
    again.ingest.receipt(RUN, MADE.journal, claim_of(MADE))
    assert again.run() == before
    assert again.table("deletions") == []
    again.close()


def test_others_are_not_meant(held: Held) -> None:
    send(held)
    held.ingest.remove_run(RUN, "ada")
    for other in (RUN._replace(run_id="r2"), RUN._replace(project="p"), RUN._replace(entity="e")):
        held.ingest.readmit(other)
        held.ingest.chunk(other, MADE.journal, 0, MADE.data, "gone")
    with pytest.raises(RefusedError):
        send(held)
    with pytest.raises(NotFoundError):
        held.ingest.request_stop(RUN)


def test_what_was_never_there_is_not_deleted(held: Held) -> None:
    assert not held.ingest.remove_run(RUN, "ada")
    send(held)
    assert held.run()["rows"] == 5


def test_a_run_that_is_deleted_while_somebody_adds_to_it(held: Held) -> None:
    begin(held)

    def say(there: Any) -> list[bytes]:
        if there.run is None:
            raise NotFoundError("no run", "begin it anew")
        held.ingest.remove_run(RUN, "ada")
        return [encode.exit_record(0, 1)]

    with pytest.raises(NotFoundError):
        held.ingest.append(RUN, say)
    assert held.table("runs") == held.table("journals") == held.table("pieces") == []
