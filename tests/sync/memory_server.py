"""A small honest server in memory: the transport's contract without a network.

It keeps what it is given, checks every digest, reads frames with the same reader, and answers a
claim from what it holds. `fail` is asked before and after each call and may raise.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.journal import Frame, scan
from holdfast.records.decode import kind
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    JournalPath,
    PartAnswer,
    Receipt,
    RunRef,
    Viewer,
    check_digest,
    digest_of,
    make_pack,
)
from holdfast.wire.headers import check_writer


def refused(code: str, status: int, **detail: object) -> RefusedError:
    return RefusedError(f"refused: {code}", "do", status=status, code=code, detail=detail)


class MemoryServer:
    """`holdfast.sync.transport.Transport` with everything in dictionaries."""

    def __init__(self, *, chunk_bytes: int = 64 << 20, part_bytes: int = 8 << 20) -> None:
        self.journals: dict[JournalPath, bytes] = {}
        self.writers: dict[JournalPath, str] = {}
        self.files: dict[JournalPath, dict[str, FileEntry]] = {}
        self.claimed_at: dict[JournalPath, float] = {}
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[tuple[str, str], bytes] = {}
        self.deleted: set[RunPath] = set()
        self.edits: dict[RunPath, Edit] = {}
        self.calls: Counter[str] = Counter()
        self.fail: Callable[[str, str], None] = lambda method, when: None
        self._limits = (chunk_bytes, part_bytes)
        self._lock = threading.Lock()

    def _call(self, method: str, work):  # type: ignore[no-untyped-def]
        self.calls[method] += 1
        self.fail(method, "before")
        with self._lock:
            result = work()
        self.fail(method, "after")
        return result

    def viewer(self) -> Viewer:
        viewer = Viewer("holdfast", "0", 1, "ann", "ann", *self._limits)
        return self._call("viewer", lambda: viewer)  # type: ignore[no-any-return]

    def position(self, journal: JournalPath) -> int:
        def work() -> int:
            self._check_there(journal)
            return len(self.journals.get(journal, b""))

        return self._call("position", work)  # type: ignore[no-any-return]

    def send_chunk(self, journal: JournalPath, start: int, data: bytes, writer: str) -> ChunkAnswer:
        def work() -> ChunkAnswer:
            check_writer(writer)
            self._check_there(journal)
            held = self.journals.get(journal, b"")
            if len(data) > self._limits[0]:
                raise refused("too_large", 413, limit=self._limits[0])
            if start != len(held):
                raise refused("position_mismatch", 409, position=len(held))
            if data:
                items = scan(data, start)
                if not items:
                    raise refused("invalid", 422)
                held += data[: items[-1].end - start]
            self.journals[journal] = held
            self.writers[journal] = writer
            return ChunkAnswer(len(held), self._ref(journal))

        return self._call("chunk", work)  # type: ignore[no-any-return]

    def name_files(
        self,
        journal: JournalPath,
        files: Sequence[FileEntry],
        blobs: Sequence[tuple[str, bytes]] = (),
    ) -> list[str]:
        def work() -> list[str]:
            self._check_there(journal)
            if journal not in self.journals:
                raise refused("not_found", 404)
            said = {"files": [entry.to_json() for entry in files]}
            if len(make_pack(said, blobs)) > self._limits[1]:
                raise refused("too_large", 413, limit=self._limits[1])
            entity = journal.run.entity
            for digest, data in blobs:
                if digest_of(data) != digest:
                    raise refused("digest_mismatch", 422)
                self.blobs[entity, digest] = data
            there = {e.path: e for e in files if (entity, e.digest) in self.blobs}
            named = self.files.setdefault(journal, {})
            if any(named.get(path) != entry for path, entry in there.items()):
                self.claimed_at.pop(journal, None)
            named.update(there)
            return sorted({e.digest for e in files if e.path not in there})

        return self._call("files", work)  # type: ignore[no-any-return]

    def upload_state(self, entity: str, digest: str) -> PartAnswer:
        def work() -> PartAnswer:
            key = (entity, check_digest(digest))
            if key in self.blobs:
                return PartAnswer(len(self.blobs[key]), True)
            return PartAnswer(len(self.uploads.get(key, b"")), False)

        return self._call("state", work)  # type: ignore[no-any-return]

    def send_part(
        self, entity: str, digest: str, offset: int, size: int, data: bytes
    ) -> PartAnswer:
        def work() -> PartAnswer:
            key = (entity, check_digest(digest))
            if len(data) > self._limits[1]:
                raise refused("too_large", 413, limit=self._limits[1])
            if key in self.blobs:
                return PartAnswer(size, True)
            held = self.uploads.get(key, b"")
            if offset != len(held):
                raise refused("offset_mismatch", 409, offset=len(held))
            held += data
            self.uploads[key] = held
            if len(held) < size:
                return PartAnswer(len(held), False)
            del self.uploads[key]
            if digest_of(held) != digest:
                raise refused("digest_mismatch", 422)
            self.blobs[key] = held
            return PartAnswer(size, True)

        return self._call("part", work)  # type: ignore[no-any-return]

    def receipt(self, journal: JournalPath, claim: Claim) -> Receipt:
        def work() -> Receipt:
            self._check_there(journal)
            if journal not in self.journals:
                raise refused("not_found", 404)
            held = self.journals[journal]
            files = self.files.get(journal, {})
            self.writers[journal] = claim.writer
            same = (len(held), digest_of(held)) == (claim.position, claim.digest)
            if not same or claim.files > len(files):
                raise refused(
                    "claim_mismatch", 409, position=len(held), digest=digest_of(held), missing=[]
                )
            items = scan(held)
            records = Counter(kind(i.payload) for i in items if isinstance(i, Frame))
            self.claimed_at[journal] = now = time.time()
            gaps = tuple((i.start, i.end) for i in items if not isinstance(i, Frame))
            return Receipt(
                run=self._ref(journal),
                journal=journal.journal,
                position=len(held),
                digest=digest_of(held),
                records=dict(records),
                rows=records["history"],
                gaps=gaps,
                files=tuple(sorted(files.values(), key=lambda e: e.path)),
                state="finished" if records["exit"] else "running",
                complete=records["exit"] > 0,
                at=now,
            )

        return self._call("receipt", work)  # type: ignore[no-any-return]

    def edit(self, run: RunPath, change: Edit) -> None:
        def work() -> None:
            if not any(journal.run == run for journal in self.journals):
                raise refused("not_found", 404)
            self.edits[run] = change

        self._call("edit", work)

    def readmit(self, run: RunPath) -> None:
        self._call("readmit", lambda: self.deleted.discard(run))

    def delete(self, run: RunPath) -> None:
        """As somebody does who sees the run in the browser."""
        with self._lock:
            self.deleted.add(run)
            for of in [of for of in self.journals if of.run == run]:
                del self.journals[of]
                self.files.pop(of, None)
                self.claimed_at.pop(of, None)

    def at_rest(self) -> threading.Lock:
        """Nothing is asked meanwhile."""
        return self._lock

    def _check_there(self, journal: JournalPath) -> None:
        if journal.run in self.deleted:
            raise refused("run_deleted", 410, at=time.time(), by="ann")

    def lapsed(self, receipts: Sequence[Given]) -> list[int]:
        def work() -> list[int]:
            return [
                number
                for number, given in enumerate(receipts)
                if self.claimed_at.get(JournalPath(given.run, given.journal), 0.0) < given.at
                or len(self.journals[JournalPath(given.run, given.journal)]) < given.position
            ]

        return self._call("lapsed", work)  # type: ignore[no-any-return]

    def _ref(self, journal: JournalPath) -> RunRef:
        run = journal.run
        return RunRef(run.entity, run.project, run.run_id, f"http://memory/{run}")
