"""A run that somebody deleted on the server: it stays on the disk, and away, until it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest
from sync.making import Listener, append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.rundir import RunDir
from holdfast.sync.context import Wishes
from holdfast.sync.doctor.folders import Pending, look_at_folder
from holdfast.sync.many import find, recall, remove_run
from holdfast.sync.one import sync_run
from holdfast.sync.receipts import deletion
from holdfast.sync.standing import standing_on_disk
from holdfast.sync.verify import verify_run

SERVER = "http://memory"
RUN = RunPath("ann", "digits", "aa")


def gone(tmp_path: Path, server: MemoryServer) -> RunDir:
    """A run that was confirmed, deleted, and sent again as anybody would who does not know."""
    run_dir = make_run(tmp_path, "aa")
    assert sync_run(context(server), run_dir).state == "confirmed"
    server.delete(RUN)
    found = find([tmp_path], SERVER, Wishes())
    recall(server, SERVER, found)
    assert found.pending == [run_dir]
    outcome = sync_run(context(server), run_dir)
    assert (outcome.state, outcome.ok) == ("deleted", False)
    assert isinstance(outcome.error, RefusedError)
    assert outcome.error.exit_code == 5
    return run_dir


def test_it_is_not_brought_back_and_nothing_of_it_is_lost_here(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = gone(tmp_path, server)
    before = run_dir.journal.read_bytes()
    sent = server.calls["chunk"]
    for _ in range(3):
        assert sync_run(context(server), run_dir).state == "deleted"
    assert server.calls["chunk"] == sent  # nothing is sent in vain
    assert server.journals == {}
    kept = remove_run(context(server), run_dir)
    assert "was kept" in str(kept.error)
    assert run_dir.journal.read_bytes() == before
    assert find([tmp_path], SERVER, Wishes()).pending == [run_dir]


def test_who_wants_it_again_gets_it_whole(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = gone(tmp_path, server)
    assert deletion(run_dir, SERVER) is not None
    outcome = sync_run(context(server, again=True), run_dir)
    assert outcome.state == "confirmed", outcome.error
    (held,) = server.journals.values()
    assert held == run_dir.journal.read_bytes()
    assert deletion(run_dir, SERVER) is None
    assert find([tmp_path], SERVER, Wishes()).synced == [run_dir]


def test_under_another_id_it_is_another_run(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = gone(tmp_path, server)
    assert sync_run(context(server, run_id="bb"), run_dir).state == "confirmed"
    assert [of.run for of in server.journals] == [RUN._replace(run_id="bb")]


def test_one_that_grows_is_refused_at_every_step(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "aa")
    append_rows(writer, rows(5))
    assert sync_run(context(server), run_dir).state == "running"
    server.delete(RUN)
    append_rows(writer, rows(5, first=5))
    assert sync_run(context(server), run_dir).state == "deleted"
    assert sync_run(context(server, again=True), run_dir).state == "running"
    writer.close()


@pytest.mark.parametrize("method", ["chunk", "files", "receipt"])
def test_deleted_in_the_middle(tmp_path: Path, method: str) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path, "aa", files={"a.txt": b"a"})

    def fail(called: str, when: str) -> None:
        if (called, when) == (method, "before"):
            server.delete(RUN)

    server.fail = fail
    assert sync_run(context(server), run_dir).state == "deleted"
    assert server.journals == {}
    server.fail = lambda called, when: None
    assert sync_run(context(server, again=True), run_dir).state == "confirmed"


def test_status_doctor_and_verify_say_so(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = gone(tmp_path, server)
    make_run(tmp_path, "bb", number=1)
    standing, _ = standing_on_disk([tmp_path], SERVER)
    assert standing.states == {"deleted": 1, "pending": 1}
    (row,) = (row for row in standing.runs if row.state == "deleted")
    assert (row.path, row.pending, "run_deleted" in row.error) == (str(run_dir.path), 0, True)
    pending = Pending()
    (found,) = look_at_folder(run_dir, SERVER, pending)
    assert (found.severity, found.what) == ("note", "deleted on the server")
    assert f"holdfast sync --again {run_dir.path}" in found.cure
    assert (pending.deleted, pending.runs, pending.size) == (1, 0, 0)
    other = Pending()
    list(look_at_folder(run_dir, "http://another", other))
    assert (other.deleted, other.runs) == (0, 1)
    proven = verify_run(run_dir, Listener(), context(server))
    assert not proven.ok
    assert "run_deleted" in str(proven.errors[0])


def test_a_folder_that_takes_no_note(tmp_path: Path) -> None:
    server = MemoryServer()
    run_dir = make_run(tmp_path, "aa")
    server.delete(RUN)
    run_dir.receipt.mkdir()
    assert sync_run(context(server), run_dir).state == "deleted"
    assert deletion(run_dir, SERVER) is None
