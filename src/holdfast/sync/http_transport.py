"""The transport over HTTP: each method is one request of the write side.

Owns the way from a method to a request and back. Must not know why something is sent, and tries
nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.settings.credentials import is_loopback
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    Receipt,
    Viewer,
    compress,
    digest_of,
    headers,
    make_pack,
    paths,
)
from holdfast.wire.fields import Fields
from holdfast.wire.http import Connection

__all__ = ["HttpTransport"]


class HttpTransport:
    """`holdfast.sync.transport.Transport` over a `Connection`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # On one machine the bytes are already where they go; compressing them would cost
        # more time, on both sides, than it saves.
        self._compress = not is_loopback(connection.base_url)

    def viewer(self) -> Viewer:
        """See the contract; also proves that the server is a Holdfast server."""
        return self._connection.viewer()

    def position(self, journal: JournalPath) -> int:
        """See the contract."""
        answer = self._connection.request("GET", paths.journal(journal))
        return Fields(answer.json(), "answer").count("position")

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        """See the contract."""
        sent = {headers.WRITER: writer, headers.DIGEST: digest_of(data)}
        if data and self._compress:
            sent[headers.ENCODING] = "deflate"
            data = compress(data)
        path = paths.chunks(journal, start)
        answer = self._connection.request("POST", path, body=data, headers=sent)
        return ChunkAnswer.from_json(answer.json())

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        """See the contract."""
        body = make_pack({"files": [entry.to_json() for entry in files]}, blobs)
        answer = self._connection.request("POST", paths.journal_files(journal), body=body)
        missing = Fields(answer.json(), "answer").list("missing")
        ours = {entry.digest for entry in files}
        if not ours.issuperset(str(digest) for digest in missing):
            raise RefusedError("the server misses files that were not named", "update the server")
        return [str(digest) for digest in missing]

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        """See the contract."""
        answer = self._connection.request("GET", paths.blob(entity, digest))
        return PartAnswer.from_json(answer.json())

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        """See the contract."""
        path = f"{paths.blob(entity, digest)}?offset={offset}&size={size}"
        return PartAnswer.from_json(self._connection.request("PUT", path, body=data).json())

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        """See the contract."""
        path = paths.receipt(journal)
        answer = self._connection.request("POST", path, json=claim.to_json())
        return Receipt.from_json(answer.json())

    def edit(self, run: RunPath, change: Edit) -> None:
        """See the contract."""
        self._connection.request("POST", paths.edit(run), json=change.to_json())

    def readmit(self, run: RunPath) -> None:
        """See the contract."""
        self._connection.request("POST", paths.readmit(run))

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        """See the contract."""
        body = {"receipts": [given.to_json() for given in receipts]}
        answer = self._connection.request("POST", paths.RECEIPTS, json=body)
        numbers = Fields(answer.json(), "answer").list("lapsed")
        return [number for number in numbers if isinstance(number, int)]
