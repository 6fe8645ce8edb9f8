"""What the server says of the runs: entities, deleted ones, a server that was set back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer, refused
from sync.relay.running import SERVER as BEHIND
from sync.relay.running import relay_before
from sync.test_deleted_real import delete

from holdfast.errors import AuthError, UnreachableError
from holdfast.ids import RunPath
from holdfast.journal import Frame, Reader
from holdfast.journal.framing import chunks as frame
from holdfast.records import encode
from holdfast.rundir import RunDir
from holdfast.sync.doctor.examine import look_at_here
from holdfast.sync.doctor.finding import Finding
from holdfast.sync.doctor.folders import Pending
from holdfast.sync.doctor.network import Way, look_at_network
from holdfast.sync.doctor.server import Asked, look_at_runs
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.one import sync_run

SERVER = "http://memory"


class Closed(MemoryServer):
    """Takes runs of one entity alone, as a server does."""

    def position(self, journal: Any) -> int:
        if journal.run.entity != "ann":
            self.calls["refused"] += 1
            raise AuthError(f"user 'ann' may not write into {journal.run.entity!r}")
        return super().position(journal)


def looked(folder: Path, server: MemoryServer, timeout: float = 20.0) -> list[Finding]:
    pending = Pending()
    list(look_at_here([folder], SERVER, pending, lambda done, whole: None))
    viewer = context(server).viewer
    server.calls.clear()
    return list(look_at_runs(Asked(server, viewer, SERVER, timeout), pending))


def synced(server: MemoryServer, folder: Path, count: int) -> list[RunDir]:
    made = [make_run(folder, f"r{number}", number=number) for number in range(count)]
    for run_dir in made:
        assert sync_run(context(server), run_dir).ok
    return made


def test_nothing_stands_against_what_is_pending_or_confirmed(tmp_path: Path) -> None:
    server = MemoryServer()
    synced(server, tmp_path, 2)
    make_run(tmp_path, "new", number=9)
    assert looked(tmp_path, server) == []
    assert (server.calls["lapsed"], server.calls["position"]) == (1, 1)


def test_an_entity_that_the_key_may_not_write_into(tmp_path: Path) -> None:
    server = Closed()
    for number in range(3):
        make_run(tmp_path, f"r{number}", number=number, entity="nobodyhere")
    make_run(tmp_path, "own", number=9)
    [found] = looked(tmp_path, server)
    assert found.severity == "error"
    assert found.what == "the key may not write into 'nobodyhere', where runs are to go"
    assert found.evidence.startswith("user 'ann' may not write into 'nobodyhere': ")
    assert found.evidence.count("offline-run-") == 3
    assert "holdfast sync --entity ann" in found.cure
    assert (server.calls["refused"], server.calls["position"]) == (1, 1)


def test_a_server_that_was_emptied(tmp_path: Path) -> None:
    old = MemoryServer()
    first, second = synced(old, tmp_path, 2)
    found = looked(tmp_path, MemoryServer())
    assert [one.path for one in found] == [first.path, second.path]
    assert {one.severity for one in found} == {"warning"}
    assert found[0].cure == f"holdfast sync {first.path}"
    assert looked(tmp_path, old) == []


def test_a_run_of_which_only_the_server_knows_that_it_was_deleted(tmp_path: Path) -> None:
    server = MemoryServer()
    synced(server, tmp_path, 2)
    make_run(tmp_path, "new", number=9)
    for run_id in ("r0", "new"):
        server.delete(RunPath("ann", "digits", run_id))
    found = looked(tmp_path, server)
    assert [one.what for one in found] == ["deleted on the server"] * 2
    assert all(f"holdfast sync --again {one.path}" in one.cure for one in found)
    assert {one.path.name[-2:] for one in found if one.path} == {"r0", "ew"}


def test_an_older_copy_of_a_folder(tmp_path: Path) -> None:
    server = MemoryServer()
    [run_dir] = synced(server, tmp_path, 1)
    whole = run_dir.journal.read_bytes()
    here = cut_back(run_dir)
    [found] = looked(tmp_path, server)
    assert (found.severity, found.path) == ("error", run_dir.path)
    assert found.what == "this is an older copy of the folder: the server holds more of its journal"
    assert f"{len(whole):,} bytes of the journal, the disk {here:,}" in found.evidence
    run_dir.journal.write_bytes(whole)
    assert looked(tmp_path, server) == []


def cut_back(run_dir: RunDir) -> int:
    """Put an older copy of a run in its place; returns where its last whole frame ends."""
    with run_dir.journal.open("r+b") as file:
        ends = [frame.end for frame in Reader(file) if isinstance(frame, Frame)]
        file.truncate(ends[len(ends) // 2] + 3)
    run_dir.receipt.unlink()
    return ends[len(ends) // 2]


def test_an_older_copy_of_a_folder_with_the_receipt_of_its_time(tmp_path: Path) -> None:
    """A backup of a run that was confirmed as far as it was: its files are not those of then."""
    server = MemoryServer()
    run_dir = make_run(tmp_path / "runs", "aaaa", finished=False)
    assert sync_run(context(server), run_dir).ok
    shutil.copytree(run_dir.path, tmp_path / "backup")
    here = run_dir.journal.stat().st_size
    with run_dir.journal.open("ab") as file:
        file.write(frame(encode.exit_record(0, 1), here))
    assert sync_run(context(server), run_dir).ok
    assert looked(tmp_path / "runs", server) == []
    shutil.rmtree(run_dir.path)
    (tmp_path / "backup").rename(run_dir.path)
    [found] = looked(tmp_path / "runs", server)
    assert (found.severity, found.path) == ("error", run_dir.path)
    assert f"the disk {here:,}" in found.evidence


def test_a_run_that_is_sent_while_it_is_looked_at(tmp_path: Path) -> None:
    """Its journal has grown, and another process has sent it, since it was read here."""
    server = MemoryServer()
    run_dir, writer = start_run(tmp_path, "live")
    append_rows(writer, rows(5))
    pending = Pending()
    list(look_at_here([tmp_path], SERVER, pending, lambda done, whole: None))
    append_rows(writer, rows(5))
    assert sync_run(context(server), run_dir).error is None
    viewer = context(server).viewer
    assert list(look_at_runs(Asked(server, viewer, SERVER, 20.0), pending)) == []
    writer.close()


def test_a_name_that_no_server_takes(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, "aaaa", project="a/b")
    [found] = looked(tmp_path, MemoryServer())
    assert (found.severity, found.path) == ("error", run_dir.path)
    assert "--project" in found.cure


@pytest.mark.parametrize("method", ["lapsed", "position"])
def test_the_first_answer_that_fails_to_come_is_the_last_that_is_waited_for(
    tmp_path: Path, method: str
) -> None:
    server = MemoryServer()
    synced(server, tmp_path, 1)
    for number in range(3):
        make_run(tmp_path, f"new{number}", number=10 + number)

    def fail(called: str, when: str) -> None:
        if called == method:
            raise UnreachableError("no answer within 20 s", "try again")

    server.fail = fail
    [found] = looked(tmp_path, server)
    assert (found.severity, found.evidence) == ("error", "no answer within 20 s")
    assert server.calls[method] == 1
    assert server.calls["position"] <= 1


def test_a_run_that_the_server_refuses(tmp_path: Path) -> None:
    server = MemoryServer()
    bad, _ = (make_run(tmp_path, run_id, number=n) for n, run_id in enumerate(["bad", "good"]))

    def fail(called: str, when: str) -> None:
        if called == "position" and server.calls["position"] == 1:
            raise refused("invalid", 422)

    server.fail = fail
    [found] = looked(tmp_path, server)
    assert (found.severity, found.path) == ("error", bad.path)
    assert server.calls["position"] == 2


def test_no_more_are_asked_about_than_there_is_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_run(tmp_path, f"r{number}", number=number, count=1)
    [found] = looked(tmp_path, MemoryServer(), timeout=-1.0)
    assert (found.severity, found.evidence[:6]) == ("note", "0 of 5")
    monkeypatch.setattr("holdfast.sync.doctor.server._MOST", 3)
    [found] = looked(tmp_path, MemoryServer())
    assert (found.severity, found.evidence[:6]) == ("note", "3 of 5")


def test_a_relay_and_its_server(tmp_path: Path) -> None:
    server = MemoryServer()
    make_run(tmp_path / "wandb", "aaaa")
    pending = Pending()
    list(look_at_here([tmp_path / "wandb"], SERVER, pending, lambda done, whole: None))
    with relay_before(server, tmp_path / "relay") as url:
        [note, way] = list(look_at_network(url, "key", 20.0))[-2:]
        assert isinstance(note, Finding)
        assert (note.severity, note.what) == ("note", f"{url} is a relay: it sends on to {BEHIND}")
        assert isinstance(way, Way)
        asked = Asked(HttpTransport(way.connection), way.viewer, url, 20.0)
        assert list(look_at_runs(asked, pending)) == []

        def fail(called: str, when: str) -> None:
            raise UnreachableError("nothing listens")

        server.fail = fail
        [found] = look_at_runs(asked, pending)
        way.connection.close()
    assert (found.severity, found.what) == ("error", "the relay has no answer from its server")
    assert "cannot ask the server" in found.evidence
    assert BEHIND in found.cure


def test_a_real_server(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    with Server(tmp_path / "server") as server:
        gone = make_run(folder, "gone")
        assert holdfast_command("sync", str(folder), server=server).returncode == 0
        delete(server, "gone")
        done = holdfast_command("doctor", str(folder), server=server)
        assert done.returncode == 0, done.stdout
        assert "· folders: deleted on the server" in done.stdout
        assert f"holdfast sync --again {gone.path}" in done.stdout
        old = make_run(folder, "old", number=2)
        assert holdfast_command("sync", str(old.path), server=server).returncode == 0
        whole = old.journal.stat().st_size
        here = cut_back(old)
        done = holdfast_command("doctor", str(folder), server=server)
        assert done.returncode == 1, done.stdout
        assert "✗ server: this is an older copy of the folder" in done.stdout
        assert f"the server holds {whole:,} bytes of the journal, the disk {here:,}" in done.stdout
        done = holdfast_command("verify", "--server", str(old.path), server=server)
        assert "this may be an older copy of the folder" in done.stderr
        make_run(folder, "shut", number=1, entity="nobodyhere")
        done = holdfast_command("doctor", str(folder), server=server)
    assert done.returncode == 1, done.stdout
    assert "✗ server: the key may not write into 'nobodyhere'" in done.stdout
    assert "user 'local' may not write into 'nobodyhere'" in done.stdout
    assert "holdfast sync --entity local" in done.stdout
