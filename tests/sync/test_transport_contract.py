"""What every transport and server must do: in memory, over HTTP, with retries, and the real one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from processes import Server
from sync.making import run_info
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from sync.relay.running import relay_before
from wire.fault_server import FaultServer

from holdfast.errors import AuthError, RefusedError
from holdfast.ids import RunPath
from holdfast.journal import HEADER, Frame, scan
from holdfast.journal.framing import chunks as frame
from holdfast.records import encode
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.retry import Patience, RetryingTransport
from holdfast.sync.transport import Transport
from holdfast.wire import (
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    digest_of,
    journal_id,
)
from holdfast.wire.http import Connection


def _journal() -> tuple[JournalPath, bytes, list[int]]:
    """A journal's name, its bytes, and the ends of its frames."""
    payloads = [encode.header("test"), encode.run(run_info("r1"))]
    encoder = encode.HistoryEncoder()
    payloads += [encoder.encode({"loss": 0.5, "_step": i}, i) for i in range(20)]
    payloads.append(encode.exit_record(0, 3))
    data = HEADER
    for payload in payloads:
        data += frame(payload, len(data))
    ends = [item.end for item in scan(data) if isinstance(item, Frame)]
    assert ends[-1] == len(data)
    return JournalPath(RunPath("ann", "digits", "r1"), journal_id(payloads[1])), data, ends


OF, DATA, ENDS = _journal()


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("real")) as server:
        yield server


class Where(NamedTuple):
    """A transport, and a journal's name that nobody has used there yet."""

    transport: Transport
    of: JournalPath


def _over(url: str, key: str) -> Iterator[Transport]:
    connection = Connection(url, key)
    yield HttpTransport(connection)
    connection.close()


def _transport(kind: str, request: pytest.FixtureRequest) -> Iterator[Transport]:
    memory = MemoryServer()
    if kind == "memory":
        yield memory
    elif kind == "retrying":
        yield RetryingTransport(memory, Patience(limit=5), say=print)
    elif kind == "http":
        with FaultServer(OverHttp(memory)) as server:
            yield from _over(server.url, "key")
    elif kind == "relay":
        with relay_before(memory, request.getfixturevalue("tmp_path")) as url:
            yield from _over(url, "key")
    else:
        real: Server = request.getfixturevalue("real_server")
        yield from _over(real.url, real.key)


@pytest.fixture(params=["memory", "http", "retrying", "relay", "real"])
def where(request: pytest.FixtureRequest) -> Iterator[Where]:
    for transport in _transport(request.param, request):
        run = RunPath(transport.viewer().entity, "digits", f"r{uuid.uuid4().hex[:12]}")
        yield Where(transport, JournalPath(run, OF.journal))


def claim(data: bytes, *, files: int = 0, torn: int = 0) -> Claim:
    return Claim(len(data) + torn, len(data), digest_of(data), torn, files, "gone")


def code(caught: pytest.ExceptionInfo[RefusedError]) -> tuple[int, str]:
    return caught.value.status, caught.value.code


def test_viewer(where: Where) -> None:
    viewer = where.transport.viewer()
    assert (viewer.server, viewer.api) == ("holdfast", 1)
    assert viewer.user
    assert viewer.entity
    assert viewer.chunk_bytes >= 4 << 20
    assert viewer.part_bytes >= 1 << 20


def test_chunks_in_order(where: Where) -> None:
    transport, of = where
    assert transport.position(of) == 0
    first = transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    assert first.position == ENDS[4] == transport.position(of)
    assert (first.run.entity, first.run.project, first.run.run_id) == of.run
    assert first.run.url.startswith("http")
    assert transport.send_chunk(of, ENDS[4], DATA[ENDS[4] :], "gone").position == len(DATA)
    receipt = transport.receipt(of, claim(DATA))
    assert (receipt.position, receipt.digest) == (len(DATA), digest_of(DATA))
    assert receipt.records == {"header": 1, "run": 1, "history": 20, "exit": 1}
    assert (receipt.rows, receipt.gaps, receipt.files, receipt.complete) == (20, (), (), True)


def test_again_changes_nothing(where: Where) -> None:
    transport, of = where
    transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    for start in (0, ENDS[2], ENDS[5]):
        with pytest.raises(RefusedError) as caught:
            transport.send_chunk(of, start, DATA[start : ENDS[9]], "alive")
        assert code(caught) == (409, "position_mismatch")
        assert caught.value.detail["position"] == ENDS[4]
    assert transport.position(of) == ENDS[4]


def test_no_bytes_tell_of_the_writer(where: Where) -> None:
    transport, of = where
    transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    assert transport.send_chunk(of, ENDS[4], b"", "gone").position == ENDS[4]
    assert transport.position(of) == ENDS[4]


def test_whole_frames_are_taken_and_no_more(where: Where) -> None:
    transport, of = where
    with pytest.raises(RefusedError) as caught:
        transport.send_chunk(of, 0, DATA[:3], "alive")
    assert code(caught) == (422, "invalid")
    assert transport.position(of) == 0
    assert transport.send_chunk(of, 0, DATA[: ENDS[4] + 3], "alive").position == ENDS[4]
    assert transport.position(of) == ENDS[4]


def test_damage_between_frames_is_kept(where: Where) -> None:
    transport, of = where
    data = DATA[: ENDS[4]] + b"\xff" * 50 + DATA[ENDS[4] : ENDS[4]]
    data += frame(encode.exit_record(0, 1), len(data))
    transport.send_chunk(of, 0, data, "gone")
    receipt = transport.receipt(of, claim(data))
    assert receipt.gaps == ((ENDS[4], ENDS[4] + 50),)
    assert receipt.records["exit"] == 1


def test_a_claim_that_is_not_so(where: Where) -> None:
    transport, of = where
    transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    for wrong in (claim(DATA), claim(b"x" * ENDS[4]), claim(DATA[: ENDS[4]], files=1)):
        with pytest.raises(RefusedError) as caught:
            transport.receipt(of, wrong)
        assert code(caught) == (409, "claim_mismatch")
        assert caught.value.detail["position"] == ENDS[4]
    assert transport.receipt(of, claim(DATA[: ENDS[4]], torn=7)).position == ENDS[4]


def test_files(where: Where) -> None:
    transport, of = where
    transport.send_chunk(of, 0, DATA, "gone")
    blobs = [(digest_of(data), data) for data in (b"", b"one", b"two\n")]
    entries = [FileEntry(f"f/{i}", len(data), digest) for i, (digest, data) in enumerate(blobs)]
    digests = [digest for digest, _ in blobs]
    assert sorted(transport.name_files(of, entries)) == sorted(digests)
    assert transport.name_files(of, entries, blobs[:2]) == digests[2:]
    assert {entry.path for entry in transport.receipt(of, claim(DATA, files=2)).files} == {
        "f/0",
        "f/1",
    }
    assert transport.name_files(of, [], blobs) == []
    assert transport.name_files(of, entries) == []
    assert transport.name_files(of, entries, blobs) == []  # again changes nothing
    assert set(transport.receipt(of, claim(DATA, files=3)).files) == set(entries)
    assert transport.name_files(of, entries[:1]) == []  # files that are no more stay there
    assert set(transport.receipt(of, claim(DATA, files=1)).files) == set(entries)
    assert transport.name_files(of, []) == []


def test_parts(where: Where) -> None:
    transport, of = where
    data = bytes(range(256)) * 10
    digest = digest_of(data)
    assert transport.upload_state(of.run.entity, digest) == PartAnswer(0, False)
    assert transport.send_part(of.run.entity, digest, 0, len(data), data[:1000]) == PartAnswer(
        1000, False
    )
    assert transport.upload_state(of.run.entity, digest) == PartAnswer(1000, False)
    for offset in (0, 500, 2000):
        with pytest.raises(RefusedError) as caught:
            transport.send_part(of.run.entity, digest, offset, len(data), data[offset : offset + 5])
        assert code(caught) == (409, "offset_mismatch")
        assert caught.value.detail["offset"] == 1000
    last = transport.send_part(of.run.entity, digest, 1000, len(data), data[1000:])
    assert last == PartAnswer(len(data), True)
    assert transport.upload_state(of.run.entity, digest).complete
    again = transport.send_part(of.run.entity, digest, 0, len(data), data[:1000])
    assert again.complete


def test_parts_that_are_not_their_digest(where: Where) -> None:
    transport, of = where
    digest = digest_of(b"other")
    with pytest.raises(RefusedError) as caught:
        transport.send_part(of.run.entity, digest, 0, 4, b"this")
    assert code(caught) == (422, "digest_mismatch")
    assert transport.upload_state(of.run.entity, digest) == PartAnswer(0, False)


def test_a_receipt_for_an_unknown_journal(where: Where) -> None:
    transport, of = where
    with pytest.raises(RefusedError) as caught:
        transport.receipt(of, claim(DATA))
    assert code(caught) in {(404, "not_found"), (409, "claim_mismatch")}


def test_which_receipts_hold_no_more(where: Where) -> None:
    transport, of = where
    transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    first = Given.of(transport.receipt(of, claim(DATA[: ENDS[4]])))
    transport.send_chunk(of, ENDS[4], DATA[ENDS[4] :], "gone")
    last = Given.of(transport.receipt(of, claim(DATA)))
    unknown = replace(last, run=last.run._replace(run_id="another"))
    ahead = replace(last, position=last.position + 1)  # as after the server was set back
    later = replace(last, at=last.at + 1)
    asked = [first, unknown, last, ahead, later]
    assert transport.lapsed(asked) == [1, 3, 4]
    assert transport.lapsed([]) == []


@pytest.mark.parametrize("where", ["memory", "http", "retrying", "real"], indirect=True)
def test_a_late_file_ends_receipts(where: Where) -> None:
    """At once where the server itself is asked; a relay forwards it first."""
    transport, of = where
    transport.send_chunk(of, 0, DATA[: ENDS[4]], "alive")
    first = Given.of(transport.receipt(of, claim(DATA[: ENDS[4]])))
    transport.send_chunk(of, ENDS[4], DATA[ENDS[4] :], "gone")
    last = Given.of(transport.receipt(of, claim(DATA)))
    late = FileEntry("late.txt", 1, digest_of(b"x"))
    assert transport.name_files(of, [late], [(late.digest, b"x")]) == []
    assert transport.lapsed([first, last]) == [0, 1]


def test_an_edit_changes_no_journal(where: Where) -> None:
    transport, of = where
    with pytest.raises(RefusedError) as caught:
        transport.edit(of.run._replace(run_id="another"), Edit("eval"))
    assert code(caught) == (404, "not_found")
    transport.send_chunk(of, 0, DATA, "gone")
    before = transport.receipt(of, claim(DATA))  # then it is at the server, by a relay too
    for _ in range(2):
        transport.edit(of.run, Edit("eval", (("old", "new"),)))
    assert transport.position(of) == len(DATA)
    assert transport.receipt(of, claim(DATA)).digest == before.digest


def test_what_was_not_deleted_need_not_come_again(where: Where) -> None:
    transport, of = where
    transport.readmit(of.run)
    transport.send_chunk(of, 0, DATA, "gone")
    transport.readmit(of.run)
    assert transport.position(of) == len(DATA)


def test_a_key_that_is_not_known() -> None:
    with FaultServer(OverHttp(MemoryServer())) as server, pytest.raises(AuthError):
        HttpTransport(Connection(server.url, "other")).viewer()
