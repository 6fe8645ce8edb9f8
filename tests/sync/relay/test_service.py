"""What a relay says of claims: the server's word or none."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sync.memory_server import MemoryServer, refused
from sync.test_transport_contract import DATA, ENDS, OF, claim

from holdfast.errors import (
    AuthError,
    HoldfastError,
    RefusedError,
    UnconfirmedError,
    UnreachableError,
)
from holdfast.sync.relay import asking, service
from holdfast.sync.relay.service import Relay
from holdfast.sync.relay.spool import Spool
from holdfast.wire import Edit, JournalPath

OTHER = JournalPath(OF.run, "0" * 32)


def impatient(server: MemoryServer, tmp_path: Path, **more: object) -> tuple[Relay, Spool]:
    """A relay that asks once, and a spool with the journal, which nobody forwards."""
    spool = Spool(tmp_path / "spool")
    spool.append(OF, 0, DATA, "gone")
    address = "http://login1:8081"
    relay = Relay(spool, server, server.viewer(), server_url="http://s", address=address, **more)  # type: ignore[arg-type]
    relay.stop()
    return relay, spool


def test_the_servers_receipt_is_passed_on(tmp_path: Path) -> None:
    server = MemoryServer()
    relay, _ = impatient(server, tmp_path)
    server.send_chunk(OF, 0, DATA, "gone")
    receipt = relay.receipt(OF, claim(DATA))
    assert receipt.at == server.claimed_at[OF]


@pytest.mark.parametrize("held", [b"", DATA[: ENDS[4]]])
def test_what_the_server_lacks_is_held(tmp_path: Path, held: bytes) -> None:
    server = MemoryServer()
    if held:
        server.send_chunk(OF, 0, held, "gone")
    trouble = RefusedError("the project is closed", "ask its owner")
    relay, _ = impatient(server, tmp_path, trouble=lambda _: trouble)
    with pytest.raises(UnconfirmedError) as caught:
        relay.receipt(OF, claim(DATA))
    assert str(caught.value) == (
        "held by the relay at http://login1:8081, not yet at the server "
        "(the project is closed); sync again to have it confirmed"
    )
    assert server.calls["receipt"] == 0


@pytest.mark.parametrize(
    "error",
    [UnreachableError("away"), refused("unavailable", 503), refused("rate_limited", 429),
     refused("internal", 500), UnconfirmedError("held by a second relay")],
)  # fmt: skip
@pytest.mark.parametrize("method", ["position", "receipt"])
def test_a_server_that_cannot_say_confirms_nothing(
    tmp_path: Path, error: HoldfastError, method: str
) -> None:
    server = MemoryServer()
    server.send_chunk(OF, 0, DATA, "gone")
    relay, _ = impatient(server, tmp_path)

    def fail(called: str, when: str) -> None:
        if (called, when) == (method, "before"):
            raise error

    server.fail = fail
    with pytest.raises(UnconfirmedError, match="held by the relay"):
        relay.receipt(OF, claim(DATA))


@pytest.mark.parametrize("error", [AuthError("revoked"), refused("invalid", 422)])
def test_a_clear_no_of_the_server_is_passed_on(tmp_path: Path, error: HoldfastError) -> None:
    server = MemoryServer()
    relay, _ = impatient(server, tmp_path)

    def fail(called: str, when: str) -> None:
        raise error

    server.fail = fail
    with pytest.raises(type(error)) as caught:
        relay.receipt(OF, claim(DATA))
    assert caught.value is error


@pytest.mark.parametrize(
    "wrong", [claim(DATA[: ENDS[4]]), claim(DATA[:-1] + b"x"), claim(DATA, files=1)]
)
def test_a_claim_is_compared_with_the_spool_first(tmp_path: Path, wrong: object) -> None:
    server = MemoryServer()
    server.send_chunk(OF, 0, DATA, "gone")
    relay, _ = impatient(server, tmp_path)
    with pytest.raises(RefusedError) as caught:
        relay.receipt(OF, wrong)  # type: ignore[arg-type]
    assert caught.value.code == "claim_mismatch"
    assert caught.value.detail["position"] == len(DATA)
    assert server.calls["receipt"] == 0


def test_a_server_that_was_set_back_is_sent_it_again(tmp_path: Path) -> None:
    relay, spool = impatient(MemoryServer(), tmp_path)
    (run_dir,) = spool.find()
    run_dir.receipt.write_text("{}")  # it was confirmed
    os.utime(run_dir.journal, (1, 1))
    with pytest.raises(UnconfirmedError):
        relay.receipt(OF, claim(DATA))
    assert run_dir.journal.stat().st_mtime > 1  # which makes the watcher ask and send again


def test_a_run_that_was_deleted_there_is_not_held_for_ever(tmp_path: Path) -> None:
    server = MemoryServer()
    relay, spool = impatient(server, tmp_path)
    server.delete(OF.run)
    with pytest.raises(RefusedError, match="run_deleted"):
        relay.receipt(OF, claim(DATA))
    (run_dir,) = spool.find()
    os.utime(run_dir.journal, (0, 0))
    relay.readmit(OF.run)
    assert run_dir.journal.stat().st_mtime > 0  # whoever forwards it looks again
    server.send_chunk(OF, 0, DATA, "gone")
    assert relay.receipt(OF, claim(DATA)).position == len(DATA)

    def away(method: str, when: str) -> None:
        raise UnreachableError("away")

    server.fail = away
    with pytest.raises(UnconfirmedError, match="to have run ann/digits/r1 again"):
        relay.readmit(OF.run)


def test_what_lapsed_only_the_server_knows(tmp_path: Path) -> None:
    server = MemoryServer()
    relay, _ = impatient(server, tmp_path)
    assert relay.lapsed([]) == []

    def fail(called: str, when: str) -> None:
        raise UnreachableError("away")

    server.fail = fail
    with pytest.raises(UnconfirmedError, match="cannot ask the server"):
        relay.lapsed([])


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        ("position", lambda relay: relay.receipt(OF, claim(DATA))),
        ("receipt", lambda relay: relay.receipt(OF, claim(DATA))),
        ("receipt", lambda relay: relay.receipt(OTHER, claim(DATA))),
        ("lapsed", lambda relay: relay.lapsed([])),
        ("edit", lambda relay: relay.edit(OF.run, Edit())),
        ("readmit", lambda relay: relay.readmit(OF.run)),
    ],
    ids=["position", "receipt", "receipt of another", "lapsed", "edit", "readmit"],
)
def test_a_server_that_hangs_delays_no_answer(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    ask: Callable[[Relay], object],
) -> None:
    monkeypatch.setattr(service, "_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(service, "_SOON_SECONDS", 0.2)
    monkeypatch.setattr(asking, "_LEAST_SECONDS", 0.2)
    server, goes_on = MemoryServer(), threading.Event()
    server.send_chunk(OF, 0, DATA, "gone")
    relay, _ = impatient(server, tmp_path)

    def hang(called: str, when: str) -> None:
        if (called, when) == (method, "before"):
            goes_on.wait()

    server.fail = hang
    try:
        with pytest.raises(UnconfirmedError, match="relay at http://login1:8081"):
            ask(relay)
    finally:
        goes_on.set()
