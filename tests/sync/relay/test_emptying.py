"""What leaves the spool: what the server has, and its sender knows that it has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sync.making import context
from sync.memory_server import MemoryServer
from sync.test_transport_contract import DATA, ENDS, OF, claim

from holdfast.errors import RefusedError, UnreachableError
from holdfast.rundir import RunDir
from holdfast.sync.one import sync_run
from holdfast.sync.relay.emptying import Emptying
from holdfast.sync.relay.service import Relay
from holdfast.sync.relay.spool import Spool
from holdfast.wire import FileEntry, JournalPath, digest_of

OTHER = JournalPath(OF.run._replace(run_id="other"), OF.journal)
BIG, SHARED = b"big" * 1000, b"shared"


class Node:
    """A relay with a spool, and what a sender and a watcher do, step by step."""

    def __init__(self, folder: Path) -> None:
        self.server = MemoryServer()
        self.folder = folder
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        self.spool = Spool(self.folder)
        viewer = self.server.viewer()
        self.relay = Relay(
            self.spool, self.server, viewer, server_url="http://s", address="http://login1"
        )
        self.relay.stop()  # it asks once
        some = context(self.server)
        self.emptying = Emptying(self.spool, lambda: some, self.said.append)

    def restart(self) -> None:
        self.spool.close()
        self.start()

    def send(self, of: JournalPath = OF, writer: str = "gone") -> None:
        self.relay.send_chunk(of, 0, DATA, writer)
        blobs = [(digest_of(data), data) for data in (BIG, SHARED)]
        files = [FileEntry(f"f{n}", len(data), name) for n, (name, data) in enumerate(blobs)]
        assert self.relay.name_files(of, files, blobs) == []

    def forward(self) -> None:
        for address in self.folder.glob("runs/*/address.json"):
            run_dir = RunDir(address.parent / "run.wandb")
            os.utime(run_dir.journal, (1e9, 1e9))  # silent for long: its writer is gone
            its = replace(context(self.server), wishes=self.spool.wishes(run_dir))
            assert sync_run(its, run_dir).state == "confirmed"

    def answer(self, of: JournalPath = OF) -> None:
        """The sender claims, and has the server's receipt."""
        self.relay.receipt(of, claim(DATA))

    def runs(self) -> int:
        return len(list(self.folder.glob("runs/*")))

    def blobs(self) -> int:
        return len([path for path in self.folder.glob("blobs/*/*") if path.is_file()])


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "spool")
    yield node
    node.spool.close()


def test_it_goes_when_its_sender_has_the_receipt_and_not_before(node: Node) -> None:
    node.send()
    node.emptying.empty()
    node.forward()
    node.emptying.empty()
    assert (node.runs(), node.blobs()) == (1, 2)
    node.answer()
    node.emptying.empty()
    assert (node.runs(), node.blobs()) == (0, 0)
    assert node.said == ["  removed ann/digits/r1 from the spool"]
    assert node.relay.position(OF) == 0


def test_what_was_removed_is_still_answered_for(node: Node) -> None:
    node.send()
    node.forward()
    node.answer()
    node.emptying.empty()
    node.answer()  # a `sync --clean` of the node asks once more
    node.server.journals.clear()
    with pytest.raises(RefusedError, match="no journal") as caught:
        node.answer()
    assert caught.value.code == "not_found"
    node.send()  # so it sends all of it again
    node.forward()
    node.answer()
    assert node.server.journals == {OF: DATA}


def test_bytes_that_another_run_has_stay(node: Node) -> None:
    node.send()
    node.send(OTHER)
    node.forward()
    node.answer()
    node.emptying.empty()
    assert (node.runs(), node.blobs()) == (1, 2)
    node.answer(OTHER)
    node.emptying.empty()
    assert (node.runs(), node.blobs()) == (0, 0)


def test_what_is_still_written_stays(node: Node) -> None:
    node.relay.send_chunk(OF, 0, DATA[: ENDS[4]], "alive")
    (run_dir,) = node.spool.find()
    its = replace(context(node.server), wishes=node.spool.wishes(run_dir))
    assert sync_run(its, run_dir).state == "running"
    node.relay.receipt(OF, claim(DATA[: ENDS[4]]))
    node.emptying.empty()
    assert node.runs() == 1


@pytest.mark.parametrize("what", ["rows", "file"])
def test_more_of_it_needs_another_receipt(node: Node, what: str) -> None:
    half = DATA[: ENDS[4]]
    node.relay.send_chunk(OF, 0, half, "gone")
    node.forward()
    node.relay.receipt(OF, claim(half))
    if what == "rows":
        node.relay.send_chunk(OF, ENDS[4], DATA[ENDS[4] :], "gone")
    else:
        blob = (digest_of(b"late"), b"late")
        node.relay.name_files(OF, [FileEntry("late.txt", 4, blob[0])], [blob])
    assert node.spool.settled() == []
    node.restart()
    assert node.spool.settled() == []
    node.emptying.empty()
    assert node.runs() == 1


def test_more_that_comes_while_it_is_proven(node: Node) -> None:
    node.send()
    node.forward()
    node.answer()

    def late(method: str, when: str) -> None:
        if (method, when) == ("receipt", "after"):
            blob = (digest_of(b"late"), b"late")
            node.relay.name_files(OF, [FileEntry("late.txt", 4, blob[0])], [blob])

    node.server.fail = late
    node.emptying.empty()
    assert (node.runs(), node.blobs()) == (1, 3)
    assert "more of ann/digits/r1 came meanwhile" in node.said[0]
    node.server.fail = lambda method, when: None
    node.emptying.empty()
    assert node.runs() == 1  # its sender needs another receipt now


def test_what_the_server_lost_is_sent_again_before_it_goes(node: Node) -> None:
    node.send()
    node.forward()
    node.answer()
    node.server.journals.clear()
    node.server.files.clear()
    node.emptying.empty()
    assert node.runs() == 0
    assert node.server.journals == {OF: DATA}
    assert set(node.server.files[OF]) == {"f0", "f1"}


def test_what_the_server_refuses_now_stays(node: Node) -> None:
    node.send()
    node.forward()
    node.answer()
    node.server.delete(OF.run)
    for _ in range(3):
        node.emptying.empty()
    assert (node.runs(), node.blobs()) == (1, 2)
    (said,) = node.said
    assert "ann/digits/r1 stays in the spool: refused: run_deleted" in said


def test_a_server_that_is_away(node: Node) -> None:
    node.send()
    node.forward()
    node.answer()

    def away(method: str, when: str) -> None:
        raise UnreachableError("away")

    node.server.fail = away
    node.emptying.empty()
    assert (node.runs(), node.said) == (1, [])
    node.server.fail = lambda method, when: None
    node.restart()  # that its sender has the receipt is on the disk
    node.emptying.empty()
    assert node.runs() == 0


def test_a_sender_that_does_not_come_back_is_given_up_after_a_week(node: Node) -> None:
    node.send()
    node.forward()
    (receipt,) = node.folder.glob("runs/*/run.wandb.receipt.json")
    for days, runs in ((6, 1), (8, 0)):
        if receipt.exists():
            os.utime(receipt, (time.time() - days * 86400,) * 2)
        node.emptying.empty()
        assert node.runs() == runs


def test_what_was_half_removed_is_removed_at_the_next_start(node: Node) -> None:
    node.send()
    (folder,) = node.folder.glob("runs/*")
    folder.rename(folder.with_name(f".{folder.name}.gone"))
    node.restart()
    assert node.runs() == 0
    assert node.relay.position(OF) == 0


def test_blobs_that_went_a_moment_ago_are_asked_for(node: Node) -> None:
    node.send()
    entry = FileEntry("f9", len(BIG), digest_of(BIG))
    (path,) = (path for path in node.folder.glob("blobs/*/*") if path.read_bytes() == BIG)
    find = node.spool.blobs.find

    def found(digest: str) -> Path | None:
        there = find(digest)
        path.unlink(missing_ok=True)
        return there

    node.spool.blobs.find = found  # type: ignore[method-assign]
    assert node.relay.name_files(OF, [entry]) == [entry.digest]
