"""Faults of the network and of the server: what `holdfast sync` does, says, and leaves to do."""

from __future__ import annotations

import os
import shutil
import time

from crash import proxy as net
from crash.faults import Place, fault
from crash.proxy import Proxy, also
from sync.making import append_rows, rows, start_run
from wire.fault_server import Request, http

from holdfast.records import encode

_NOTHING = "nothing: it goes on by itself"
_AGAIN = "`holdfast sync` again"


def _small() -> dict[str, bytes]:
    """Files of which one has to be sent, whatever the rows before brought."""
    return {"requirements.txt": b"numpy\n", "media/a.bin": os.urandom(9)}


@fault(
    "The server is killed in the middle of a chunk",
    says="broke off the connection",
    code=0,
    do=_NOTHING,
)
def test_server_killed(place: Place) -> None:
    place.long_run("long")
    broken = net.break_off_within(place.restart_server)
    place.proxy.meet(broken, path="/chunks", times=1, after=1)
    place.meets(place.sync())
    place.check()


@fault(
    "The connection is reset after the server acted, before it answered",
    says="broke off the connection (Connection reset by peer)",
    code=0,
    do=_NOTHING,
)
def test_reset_after_commit(place: Place) -> None:
    place.run("small", files=_small())
    place.run("big", number=1, files={"big.bin": os.urandom(9 << 20)})
    for path in ("/chunks", "/files", "/receipt$", r"/blobs/local/.*offset"):
        place.proxy.meet(net.reset_after, path=path, times=1)
    place.meets(place.sync("--jobs", "1"))
    place.check()


@fault(
    "The connection is reset before the server sees a request",
    says="broke off the connection",
    code=0,
    do=_NOTHING,
)
def test_reset_before(place: Place) -> None:
    place.run("small", files=_small())
    for path in ("/viewer", "/chunks", "/files", "/receipt$"):
        place.proxy.meet(net.reset_before, path=path, times=1)
    place.meets(place.sync())
    place.check()


@fault(
    "A proxy stalls: it takes requests and never answers",
    says="gave no answer within 1 s",
    code=4,
    do=f"look at the proxy and the network; {_AGAIN}",
)
def test_stalled(place: Place) -> None:
    place.run("small", files=_small())
    place.run("other", number=1)
    place.proxy.meet(net.stall, path="/chunks")
    started = time.monotonic()
    place.meets(place.sync("--timeout", "2", more={"HOLDFAST_HTTP_TIMEOUT": "1"}))
    assert time.monotonic() - started < 30
    place.finish()


@fault(
    "A proxy stalls once",
    says="gave no answer within 1 s: trying again",
    code=0,
    do=_NOTHING,
)
def test_stalled_once(place: Place) -> None:
    place.run("small", files=_small())
    for path in ("/chunks", "/receipt$"):
        place.proxy.meet(net.stall, path=path, times=1)
    place.meets(place.sync(more={"HOLDFAST_HTTP_TIMEOUT": "1"}))
    place.check()


@fault(
    "A proxy cuts answers short",
    says="broke off the connection",
    code=0,
    do=_NOTHING,
)
def test_cut_short(place: Place) -> None:
    place.run("small", files=_small())
    for path in ("/viewer", "/chunks", "/files", "/receipt$"):
        place.proxy.meet(net.cut_short, path=path, times=1)
    place.meets(place.sync())
    place.check()


@fault("A proxy sends every request twice", says="1 of 1 runs confirmed", code=0, do=_NOTHING)
def test_twice(place: Place) -> None:
    place.run("small", files={**_small(), "big.bin": os.urandom(1 << 20)})
    place.proxy.meet(net.twice)
    place.meets(place.sync())
    place.check()


@fault(
    "A proxy reorders: requests arrive after later ones, and after their own repetition",
    says="broke off the connection",
    code=0,
    do=_NOTHING,
)
def test_reordered(place: Place) -> None:
    place.long_run("long")
    place.run("small", number=1, files={**_small(), "big.bin": os.urandom(9 << 20)})
    for path in ("/chunks", "/files", "/receipt$", r"/blobs/local/.*offset"):
        place.proxy.meet(net.overtaken(0.7), path=path, times=2)
    place.meets(place.sync())
    place.proxy.settle()
    place.check()
    place.finish()


@fault(
    "A captive portal answers a page of HTML with status 200",
    says="answered 200 with an HTML page: it is not a Holdfast server",
    code=5,
    do=f"log in to the network, or correct the address; {_AGAIN}",
)
def test_html(place: Place) -> None:
    place.run("small", files=_small())
    for path in ("/viewer", "/chunks", "/files", "/receipt$"):
        place.proxy.behave()
        place.proxy.meet(net.html, path=path)
        place.meets(place.sync())
    place.finish()


@fault(
    "An answer has no body",
    says="gave an empty answer: trying again",
    code=0,
    do=_NOTHING,
)
def test_empty_answer(place: Place) -> None:
    place.run("small", files=_small())
    for path in ("/viewer", "/chunks", "/receipt$"):
        place.proxy.meet(lambda request, proxy: http(200), path=path, times=1)
    place.meets(place.sync())
    place.check()


@fault(
    "Nothing listens at the server's address",
    says="connection refused",
    code=4,
    do=f"start the server, or correct the address; {_AGAIN}",
)
def test_away(place: Place) -> None:
    place.run("small", files=_small())
    upstream, place.proxy.upstream = place.proxy.upstream, "http://127.0.0.1:9"
    place.meets(place.sync("--timeout", "1", more={"HOLDFAST_BASE_URL": "http://127.0.0.1:9"}))
    place.proxy.upstream = upstream
    place.finish()


@fault(
    "The API key is revoked half way",
    says="this server does not know the API key",
    code=3,
    do=f"`holdfast login` with a new key; {_AGAIN}",
)
def test_key_revoked(place: Place) -> None:
    for number in range(4):
        place.run(f"run{number}", number=number)
    place.proxy.meet(also(place.revoke_key), path="/receipt$", times=1, after=1)
    said = place.sync("--jobs", "1")
    place.give_key()
    place.meets(said)
    assert "1 of 4 runs confirmed" in said.text
    place.finish()


@fault(
    "The server was set back to an older backup",
    says="2 of 2 runs confirmed",
    code=0,
    do=_NOTHING,
)
def test_server_restored(place: Place) -> None:
    """What it lost since is sent again, though every run was confirmed."""
    old = place.run("kept", files=_small())
    run_dir, writer = start_run(place.runs, "grown", number=1, project=place.project)
    append_rows(writer, rows(500))
    assert place.sync().code == 0
    before = run_dir.journal.stat().st_size
    backup = place.backup()
    append_rows(writer, rows(500, first=500))
    writer.append(encode.exit_record(0, 1))
    writer.close()
    place.run("new", number=2, files=_small())
    assert place.sync().code == 0
    assert "0 runs to send, 3 confirmed already" in place.sync().text
    place.set_back(backup)
    assert not place.is_there("new")
    place.proxy.requests.clear()
    place.meets(place.sync())
    place.check()
    sent = [line for line in place.proxy.requests if "/chunks" in line]
    assert [line for line in sent if "grown" in line][-1].endswith(f"start={before}")
    assert not [line for line in place.proxy.requests if old.run_id in line]


@fault(
    "A proxy refuses bodies of more than 1 MB",
    says="refuses bodies of this size (413): sending less at a time",
    code=0,
    do=_NOTHING,
)
def test_body_limit(place: Place) -> None:
    place.long_run("long", 5)
    files = {f"media/{number}.bin": os.urandom(200_000) for number in range(15)}
    place.run("files", number=1, files={**files, "big.bin": os.urandom(9 << 20)})

    def limit(request: Request, proxy: Proxy) -> bytes:
        if len(request.body) > 1_000_000:
            return net.status(413)(request, proxy)
        return proxy.forward(request)

    place.proxy.meet(limit)
    place.meets(place.sync())
    place.check()


@fault(
    "Two syncs of one folder at once",
    says="2 of 2 runs confirmed",
    code=0,
    do=_NOTHING,
)
def test_two_at_once(place: Place) -> None:
    place.long_run("long")
    place.run("small", number=1, files={**_small(), "big.bin": os.urandom(9 << 20)})
    # On a busy machine one may have ended a run before the other looks for those that are left.
    both = [place.start("--include-synced"), place.start("--include-synced")]
    for said in [place.end(process) for process in both]:
        place.meets(said)
    place.check()


@fault(
    "One folder, copied to two machines, is sent from both at once",
    says="1 of 1 runs confirmed",
    code=0,
    do=_NOTHING,
)
def test_two_hosts(place: Place) -> None:
    run_dir = place.long_run("long")
    there = Place(place.server, place.proxy, place.folder.parent / "there", place.project)
    shutil.copytree(place.folder, there.folder, symlinks=True)
    for folder in (place.folder, there.folder):
        os.utime(next(folder.rglob("*.wandb")), (1, 1))
    both = [place.start(), there.start()]
    for said in [place.end(process) for process in both]:
        place.meets(said)
    place.check()
    there.check()
    assert place.sync().code == there.sync().code == 0
    assert run_dir.synced_marker.exists()


@fault(
    "One machine has an older copy of the folder",
    says="this may be an older copy of the folder: sync the newer one",
    code=1,
    do="sync the newer folder; the server keeps what it has",
)
def test_older_copy(place: Place) -> None:
    _, writer = start_run(place.runs, "grown", project=place.project)
    append_rows(writer, rows(100))
    older = Place(
        place.server, place.proxy, place.folder.parent / "older", place.project, place.row
    )
    shutil.copytree(place.folder, older.folder, symlinks=True)
    append_rows(writer, rows(100, first=100))
    writer.close()
    assert place.sync().code == 0
    older.meets(older.sync())
    place.finish()
