"""Faults of disks, folders and clocks: what `holdfast sync` does, says, and leaves to do."""

from __future__ import annotations

import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from crash.faults import Place, fault
from crash.proxy import also
from crash.small_disk import nothing_may_be_written, small_disk, without_override
from processes import Server
from sync.making import rows, run_info
from sync.staging import artifact_record, files_of

from holdfast.journal import Frame, frames, scan
from holdfast.records import encode

_NOTHING = "nothing: it goes on by itself"
_AGAIN = "`holdfast sync` again"
_SMALL = {"requirements.txt": b"numpy\n", "media/a.bin": b"a"}
_JUMPS = '''
"""Python imports this at its start: the time of day jumps by a year with each look."""

import itertools
import pathlib
import time

_real, _looks = time.time, itertools.count()


def jumping():
    pathlib.Path(__file__).with_name("jumped").touch()
    return _real() + (next(_looks) % 3 - 1) * 366 * 24 * 3600


time.time = jumping
'''


@fault(
    "The disk with the run folder is full",
    says="the receipt could not be kept",
    code=0,
    do=f"nothing is lost: all of it was confirmed; make room, {_AGAIN} keeps the receipt",
)
def test_client_disk_full(place: Place) -> None:
    with small_disk(place.folder, "2m") as disk:
        run_dir = place.run("small", files=_SMALL)
        if disk is not None:
            disk.fill()
            place.meets(place.sync())
            disk.free()
        else:
            place.meets(place.sync(before=nothing_may_be_written))
        place.check()
        assert not run_dir.receipt.exists()
        place.finish()
        assert run_dir.receipt.exists()


@fault("The folder for temporary files is full", says="1 of 1 runs confirmed", code=0, do=_NOTHING)
def test_temporary_folder_full(place: Place) -> None:
    place.run("small", files={**_SMALL, "big.bin": os.urandom(9 << 20)})
    folder = place.folder.parent / "tmp"
    with small_disk(folder, "64k") as disk:
        if disk is not None:
            disk.fill()
        before = nothing_may_be_written if disk is None else None
        place.meets(place.sync(more={"TMPDIR": str(folder)}, before=before))
    place.check()


@pytest.fixture
def tiny(place: Place, tmp_path: Path) -> Iterator[tuple[Place, Callable[[], None]]]:
    """A place whose server has little room, and what gives it more."""
    with small_disk(tmp_path / "disk", "6m") as disk, Server(tmp_path / "disk" / "own") as server:
        place.proxy.upstream, shared = server.url, place.proxy.upstream
        try:
            room = _limited(server) if disk is None else partial(disk.set_size, "64m")
            yield Place(server, place.proxy, place.folder, place.project, place.row), room
        finally:
            place.proxy.upstream = shared


def _limited(server: Server) -> Callable[[], None]:
    """Let the server's files not grow beyond 6 MiB; gives what lifts that."""
    pid = server.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE, (6 << 20, resource.RLIM_INFINITY))
    return lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard)) and None


@fault(
    "The server's disk is full",
    says="the server's disk is full",
    code=5,
    do=f"make room on it; {_AGAIN}",
)
def test_server_disk_full(tiny: tuple[Place, Callable[[], None]]) -> None:
    place, make_room = tiny
    first = place.run("first", files=_SMALL)
    place.run("big", number=1, files={"big.bin": os.urandom(9 << 20)})
    place.long_run("long", 9)
    place.meets(place.sync("--jobs", "1"))
    place.check_run(first)
    make_room()
    place.finish()


@fault(
    "The run folder is read-only",
    says="the receipt could not be kept",
    code=0,
    do="nothing is lost: all of it was confirmed; each sync asks the server about it again",
)
def test_read_only(place: Place) -> None:
    run_dir = place.run("small", files=_SMALL)
    folders = [run_dir.path, *(path for path in run_dir.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        for _ in range(2):
            place.meets(place.sync(before=without_override()))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert not run_dir.receipt.exists()
    place.finish()


@fault(
    "The run folder may not be read",
    says="Permission denied",
    code=7,
    do=f"give the right to read it; {_AGAIN}",
)
def test_not_readable(place: Place) -> None:
    run_dir = place.run("small", files=_SMALL)
    place.run("other", number=1)
    run_dir.journal.chmod(0o000)
    said = place.sync(before=without_override())
    run_dir.journal.chmod(0o644)
    place.meets(said)
    assert "1 of 2 runs confirmed" in said.text
    place.finish()


@fault(
    "What wandb staged for an artifact is gone",
    says="are gone from where wandb staged them",
    code=0,
    do=f"put the files into the run folder, if they are anywhere, and {_AGAIN}",
)
def test_staging_gone(place: Place) -> None:
    staging = place.folder / "staging"
    record = artifact_record(staging, {"weights.bin": b"w" * 900, "config.json": b"{}"})
    run_dir = place.run("model", files=_SMALL, records=[record])
    lost, _ = files_of(run_dir)
    away = Path(lost.places[1]).rename(place.folder / "away")
    place.meets(place.sync())
    place.check()
    found = run_dir.path / lost.path
    found.parent.mkdir(parents=True)
    away.rename(found)
    place.finish()


@fault("The sender's clock jumps by years", says="2 of 2 runs confirmed", code=0, do=_NOTHING)
def test_clock_jumps(place: Place, tmp_path: Path) -> None:
    place.run("small", files=_SMALL)
    away = place.run("away", number=1)
    said = [encode.header("test", host="elsewhere"), encode.run(run_info("away"))]
    encoder = encode.HistoryEncoder()
    said += [encoder.encode(row, row["_step"]) for row in rows(20)]
    away.journal.write_bytes(frames(said, 0))  # of its writer only the time of the file tells
    for path in away.path.rglob("*"):
        os.utime(path, (4e9, 4e9))
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_JUMPS)
    python_path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    place.meets(place.sync("--project", place.project, more={"PYTHONPATH": python_path}))
    assert (site / "jumped").exists(), "the clock did not jump"
    assert place.sync("--project", place.project).code == 0
    place.check()


@fault("The server's clock jumps by years", says="1 of 1 runs confirmed", code=0, do=_NOTHING)
def test_server_clock_jumps(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_JUMPS)
    with monkeypatch.context() as changed:
        changed.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        server = Server(tmp_path / "own")
        server.start()
    try:
        place.proxy.upstream, shared = server.url, place.proxy.upstream
        there = Place(server, place.proxy, place.folder, place.project, place.row)
        there.run("small", files={**_SMALL, "big.bin": os.urandom(9 << 20)})
        there.meets(there.sync())
        assert (site / "jumped").exists(), "the clock did not jump"
        there.finish()
    finally:
        place.proxy.upstream = shared
        server.stop()


@fault(
    "The journal is cut while it is read",
    says="is shorter than it was a moment ago",
    code=6,
    do=f"see who writes to it; put the whole file back and {_AGAIN}",
)
def test_journal_cut(place: Place) -> None:
    run_dir = place.long_run("long")
    whole = run_dir.journal.read_bytes()
    place.proxy.meet(also(lambda: os.truncate(run_dir.journal, 1 << 18)), path="/chunks", times=1)
    place.meets(place.sync())
    again = place.sync()
    assert again.code == 1
    assert "this may be an older copy of the folder" in again.text
    run_dir.journal.write_bytes(whole)
    place.finish()


@fault(
    "The run folder is moved while it is sent",
    says="was moved or replaced while it was sent",
    code=1,
    do=f"{_AGAIN}, where the folder is now",
)
def test_folder_moved(place: Place) -> None:
    run_dir = place.run("small", files=_SMALL)
    elsewhere = place.folder / "archive" / run_dir.path.name

    def move() -> None:
        elsewhere.parent.mkdir()
        run_dir.path.rename(elsewhere)

    place.proxy.meet(also(move), path="/chunks", times=1)
    place.meets(place.sync())
    assert not list(elsewhere.rglob("*.synced"))
    place.finish()


@fault(
    "16 bytes of a journal are flipped",
    says="in the journal",
    code=0,
    do="nothing can bring the damaged rows back; all others are there, and the run shows its gaps",
)
def test_flipped_bytes(place: Place, crash_moments: int, crash_seed: int) -> None:
    """At random places, in every other run one of them among the first 500: magic, header, name."""
    rng = random.Random(f"{crash_seed} flipped")
    for number in range(crash_moments):
        run_dir = place.run(f"run{number}", number=number, count=2000)
        whole = run_dir.journal.read_bytes()
        data = bytearray(whole)
        places = {rng.randrange(500 if number % 2 and not n else len(data)) for n in range(16)}
        for at in places:
            data[at] ^= rng.randrange(1, 256)
        run_dir.journal.write_bytes(data)
        _costs_what_it_touches(whole, bytes(data), places)
    said = place.sync("--project", place.project)
    place.meets(said)
    assert said.text.count("in the journal") == crash_moments
    place.check()
    assert place.server.api().run(f"local/{place.project}/run0").load().to_json()["proof"] == "gaps"
    place.finish()


def _costs_what_it_touches(whole: bytes, damaged: bytes, places: set[int]) -> None:
    """Every row can be read of which no byte was flipped."""
    frames_ = [item for item in scan(whole) if isinstance(item, Frame)]
    untouched = [one.payload for one in frames_ if not places & set(range(one.start, one.end))]
    assert [item.payload for item in scan(damaged) if isinstance(item, Frame)] == untouched


@fault(
    "The damage hides the record that names the run",
    says="its run record cannot be read: project and entity are defaults",
    code=0,
    do="give the project with `--project` if it matters",
)
def test_run_record_flipped(place: Place) -> None:
    run_dir = place.run("nameless", count=300)
    data = bytearray(run_dir.journal.read_bytes())
    data[data.index(place.project.encode())] ^= 1
    run_dir.journal.write_bytes(data)
    place.meets(place.sync("--project", place.project))
    place.finish()


@fault(
    "One journal among many is empty",
    says="the file is empty: nothing of this run reached the disk",
    code=6,
    do="remove that folder; the other runs are confirmed",
)
def test_empty_journal(place: Place) -> None:
    for number in range(99):
        place.run(f"run{number:02}", number=number, count=3, files=_SMALL)
    empty = place.run("empty", number=99)
    empty.journal.write_bytes(b"")
    os.utime(empty.journal, (1, 1))
    said = place.sync()
    place.meets(said)
    assert "99 of 100 runs confirmed" in said.text
    assert place.sync().code == 6
    shutil.rmtree(empty.path)
    place.finish()


@fault(
    "The training was killed: the last record is torn",
    says="1 of 1 runs confirmed",
    code=0,
    do="nothing: no row that `log` returned for is in the torn tail",
)
def test_torn_tail(place: Place) -> None:
    run_dir = place.run("killed", count=100, finished=False, files=_SMALL)
    os.truncate(run_dir.journal, run_dir.journal.stat().st_size - 5)
    place.meets(place.sync())
    run = place.server.api().run(f"local/{place.project}/killed")
    assert (run.state, run.proof) == ("crashed", "confirmed")
    assert "0 runs to send" in place.sync().text
    place.finish()
