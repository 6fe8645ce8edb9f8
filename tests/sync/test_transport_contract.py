"""What every transport must do: in memory, over HTTP, and with retries round it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sync.making import run_info
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import FaultServer

from holdfast.errors import AuthError, RefusedError
from holdfast.ids import RunPath
from holdfast.journal import HEADER, Frame, scan
from holdfast.journal.framing import chunks as frame
from holdfast.records import encode
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.retry import Patience, RetryingTransport
from holdfast.sync.transport import Transport
from holdfast.wire import Claim, FileEntry, JournalPath, PartAnswer, digest_of, journal_id
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


@pytest.fixture(params=["memory", "http", "retrying"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    memory = MemoryServer()
    if request.param != "http":
        patience = Patience(limit=5)
        yield (
            RetryingTransport(memory, patience, say=print)
            if request.param == "retrying"
            else memory
        )
        return
    with FaultServer(OverHttp(memory)) as server:
        connection = Connection(server.url, "key")
        yield HttpTransport(connection)
        connection.close()


def claim(data: bytes, *, files: int = 0, torn: int = 0) -> Claim:
    return Claim(len(data) + torn, len(data), digest_of(data), torn, files, "gone")


def code(caught: pytest.ExceptionInfo[RefusedError]) -> tuple[int, str]:
    return caught.value.status, caught.value.code


def test_viewer(transport: Transport) -> None:
    viewer = transport.viewer()
    assert (viewer.server, viewer.api) == ("holdfast", 1)
    assert viewer.user
    assert viewer.entity
    assert viewer.chunk_bytes >= 4 << 20
    assert viewer.part_bytes >= 1 << 20


def test_chunks_in_order(transport: Transport) -> None:
    assert transport.position(OF) == 0
    first = transport.send_chunk(OF, 0, DATA[: ENDS[4]], "alive")
    assert first.position == ENDS[4] == transport.position(OF)
    assert (first.run.entity, first.run.project, first.run.run_id) == ("ann", "digits", "r1")
    assert first.run.url.startswith("http")
    assert transport.send_chunk(OF, ENDS[4], DATA[ENDS[4] :], "gone").position == len(DATA)
    receipt = transport.receipt(OF, claim(DATA))
    assert (receipt.position, receipt.digest) == (len(DATA), digest_of(DATA))
    assert receipt.records == {"header": 1, "run": 1, "history": 20, "exit": 1}
    assert (receipt.rows, receipt.gaps, receipt.files, receipt.complete) == (20, (), (), True)


def test_again_changes_nothing(transport: Transport) -> None:
    transport.send_chunk(OF, 0, DATA[: ENDS[4]], "alive")
    for start in (0, ENDS[2], ENDS[5]):
        with pytest.raises(RefusedError) as caught:
            transport.send_chunk(OF, start, DATA[start : ENDS[9]], "alive")
        assert code(caught) == (409, "position_mismatch")
        assert caught.value.detail["position"] == ENDS[4]
    assert transport.position(OF) == ENDS[4]


def test_no_bytes_tell_of_the_writer(transport: Transport) -> None:
    transport.send_chunk(OF, 0, DATA[: ENDS[4]], "alive")
    assert transport.send_chunk(OF, ENDS[4], b"", "gone").position == ENDS[4]
    assert transport.position(OF) == ENDS[4]


def test_a_chunk_must_end_with_a_frame(transport: Transport) -> None:
    for data in (DATA[: ENDS[4] + 3], DATA[:3]):
        with pytest.raises(RefusedError) as caught:
            transport.send_chunk(OF, 0, data, "alive")
        assert code(caught) == (422, "invalid")
    assert transport.position(OF) == 0


def test_damage_between_frames_is_kept(transport: Transport) -> None:
    data = DATA[: ENDS[4]] + b"\xff" * 50 + DATA[ENDS[4] : ENDS[4]]
    data += frame(encode.exit_record(0, 1), len(data))
    transport.send_chunk(OF, 0, data, "gone")
    receipt = transport.receipt(OF, claim(data))
    assert receipt.gaps == ((ENDS[4], ENDS[4] + 50),)
    assert receipt.records["exit"] == 1


def test_a_claim_that_is_not_so(transport: Transport) -> None:
    transport.send_chunk(OF, 0, DATA[: ENDS[4]], "alive")
    for wrong in (claim(DATA), claim(b"x" * ENDS[4]), claim(DATA[: ENDS[4]], files=1)):
        with pytest.raises(RefusedError) as caught:
            transport.receipt(OF, wrong)
        assert code(caught) == (409, "claim_mismatch")
        assert caught.value.detail["position"] == ENDS[4]
    assert transport.receipt(OF, claim(DATA[: ENDS[4]], torn=7)).position == ENDS[4]


def test_files(transport: Transport) -> None:
    transport.send_chunk(OF, 0, DATA, "gone")
    blobs = [(digest_of(data), data) for data in (b"", b"one", b"two\n")]
    entries = [FileEntry(f"f/{i}", len(data), digest) for i, (digest, data) in enumerate(blobs)]
    digests = [digest for digest, _ in blobs]
    assert sorted(transport.name_files(OF, entries)) == sorted(digests)
    assert transport.send_pack("ann", blobs[:2]) == 2
    assert transport.name_files(OF, entries) == digests[2:]
    assert {entry.path for entry in transport.receipt(OF, claim(DATA, files=2)).files} == {
        "f/0",
        "f/1",
    }
    assert transport.send_pack("ann", blobs) == 3  # again changes nothing
    assert transport.name_files(OF, entries) == []
    assert set(transport.receipt(OF, claim(DATA, files=3)).files) == set(entries)
    assert transport.name_files(OF, entries[:1]) == []  # a file that is no more
    assert transport.receipt(OF, claim(DATA, files=1)).files == (entries[0],)
    assert transport.name_files(OF, []) == []


def test_parts(transport: Transport) -> None:
    data = bytes(range(256)) * 10
    digest = digest_of(data)
    assert transport.upload_state("ann", digest) == PartAnswer(0, False)
    assert transport.send_part("ann", digest, 0, len(data), data[:1000]) == PartAnswer(1000, False)
    assert transport.upload_state("ann", digest) == PartAnswer(1000, False)
    for offset in (0, 500, 2000):
        with pytest.raises(RefusedError) as caught:
            transport.send_part("ann", digest, offset, len(data), data[offset : offset + 5])
        assert code(caught) == (409, "offset_mismatch")
        assert caught.value.detail["offset"] == 1000
    last = transport.send_part("ann", digest, 1000, len(data), data[1000:])
    assert last == PartAnswer(len(data), True)
    assert transport.upload_state("ann", digest).complete
    again = transport.send_part("ann", digest, 0, len(data), data[:1000])
    assert again.complete


def test_parts_that_are_not_their_digest(transport: Transport) -> None:
    digest = digest_of(b"other")
    with pytest.raises(RefusedError) as caught:
        transport.send_part("ann", digest, 0, 4, b"this")
    assert code(caught) == (422, "digest_mismatch")
    assert transport.upload_state("ann", digest) == PartAnswer(0, False)


def test_a_receipt_for_an_unknown_journal(transport: Transport) -> None:
    with pytest.raises(RefusedError) as caught:
        transport.receipt(OF, claim(DATA))
    assert code(caught) in {(404, "not_found"), (409, "claim_mismatch")}


def test_a_key_that_is_not_known() -> None:
    with FaultServer(OverHttp(MemoryServer())) as server, pytest.raises(AuthError):
        HttpTransport(Connection(server.url, "other")).viewer()
