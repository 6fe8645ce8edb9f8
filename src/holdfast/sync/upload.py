"""Sending the files of one run: by digest, what is missing, small ones in packs.

Owns the order: name, upload what is missing, name that again. The first request brings the bytes
of a few small files unasked: of most runs these are all that is new. Never holds more than one
part or one pack in memory. Must not know the journal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence

from holdfast.errors import RefusedError, UnconfirmedError
from holdfast.rundir import RunDir
from holdfast.sync.context import Context
from holdfast.sync.files import Catalogue, ChangedError, Some, every
from holdfast.sync.regular import open_regular
from holdfast.sync.retry import StoppedError
from holdfast.wire import FileEntry, JournalPath, PartAnswer, digest_of

__all__ = ["FileShipper"]

_SMALL_BYTES = 256 << 10
_PACK_BYTES = 4 << 20
_UNASKED_BYTES = 64 << 10
_LINE_BYTES = 260  # what a file's name takes in a request beside its path, and once more its digest
_PART_BYTES = 8 << 20
_ROUNDS = 5
_MAX_STUCK = 8


class _LeftError(Exception):
    """The rest was left for later."""


class FileShipper:
    """Brings the files of one run to the server.

    Args:
        context: the server.
        run_dir: the run's folder, for reports.
        of: the journal beside which the files lie.
        catalogue: the files.

    Attributes:
        sent: bytes that went out.
    """

    def __init__(
        self, context: Context, run_dir: RunDir, of: JournalPath, catalogue: Catalogue
    ) -> None:
        self.sent = 0
        self._context = context
        self._run_dir = run_dir
        self._of = of
        self._catalogue = catalogue
        self._leave: Callable[[], bool] = _never

    def ship(self, *, some: Some = every, leave: Callable[[], bool] | None = None) -> bool:
        """Name files of the catalogue and upload what the server lacks.

        A file that changed while it was sent is looked at and taken again.

        Args:
            some: which files.
            leave: asked between requests; True leaves the rest for later.

        Returns:
            False when something was left for later.

        Raises:
            UnconfirmedError: files change faster than they can be sent.
        """
        self._leave = leave or _never
        try:
            self._ship(some)
        except _LeftError:
            return False
        return True

    def _ship(self, some: Some) -> None:
        entries = self._meant(some)
        missing = self._name(entries, self._unasked(entries))
        for _ in range(_ROUNDS):
            if not missing:
                return
            entries = [entry for entry in entries if entry.digest in missing]
            wanted = _one_path_each(entries)
            self._context.report.expect(self._run_dir, sum(entry.size for entry in wanted))
            changed = self._upload(wanted)
            for path in changed:
                self._catalogue.forget(path)
            if changed:
                self._catalogue.refresh(some=some)
                entries = self._meant(some)
            missing = self._name(entries)
        if missing:
            raise UnconfirmedError(
                f"the files below {self._catalogue.root} change while they are sent",
                "sync again when nothing writes to them",
            )

    def _meant(self, some: Some) -> list[FileEntry]:
        return [entry for entry in self._catalogue.entries.values() if some(entry.path, entry.size)]

    def _unasked(self, entries: Sequence[FileEntry]) -> list[FileEntry]:
        """Small files that the server may lack, in all no more than go without being asked for."""
        entity, known = self._of.run.entity, self._context.known
        new = [one for one in _one_path_each(entries) if not known.holds(entity, one.digest)]
        room = min(_UNASKED_BYTES, self._body_bytes // 2)
        return next(_groups([one for one in new if _room(one) <= room], room), [])

    def _name(self, entries: Sequence[FileEntry], unasked: Sequence[FileEntry] = ()) -> set[str]:
        """Name files, in as many requests as it takes; the digests of which bytes are missing."""
        missing: set[str] = set()
        blobs, _ = self._read(unasked)
        if blobs:
            self._context.report.expect(self._run_dir, sum(len(data) for _, data in blobs))
        room = self._body_bytes - sum(map(_room, unasked))
        done = 0
        while done < len(entries):
            self._check_stop()
            group = next(_groups(entries[done:], room, _line))
            try:
                missing |= self._send(group, blobs)
                done += len(group)
            except RefusedError as error:
                size = sum(map(_line, group)) + sum(len(data) for _, data in blobs)
                if not self._context.send_less(error, size):
                    raise
            blobs, room = [], self._body_bytes
        return missing

    def _send(self, entries: Sequence[FileEntry], blobs: list[tuple[str, bytes]]) -> set[str]:
        """One request: bytes, and names; the digests of which bytes are missing."""
        missing = set(self._context.transport.name_files(self._of, entries, blobs))
        named = [entry.digest for entry in entries]
        self._context.known.hear(self._of.run.entity, named, missing)
        self._count(sum(len(data) for _, data in blobs))
        return missing

    def _upload(self, wanted: Sequence[FileEntry]) -> list[str]:
        """Send these files; returns the paths of those that are no longer what they were."""
        changed = []
        limit = self._small
        changed += self._send_packs([entry for entry in wanted if entry.size <= limit])
        for entry in wanted:
            if entry.size > limit:
                try:
                    self._send_parts(entry)
                except ChangedError:
                    changed.append(entry.path)
        return changed

    def _send_packs(self, small: Sequence[FileEntry]) -> list[str]:
        changed = []
        for group in _groups(small, min(_PACK_BYTES, self._body_bytes)):
            try:
                changed += self._send_pack(group)
            except RefusedError as error:
                size = sum(entry.size for entry in group)
                if len(group) == 1 or not self._context.send_less(error, size):
                    raise
                changed += self._send_packs(group)
        return changed

    @property
    def _body_bytes(self) -> int:
        return min(_PART_BYTES, self._context.viewer.part_bytes, self._context.bodies.limit)

    @property
    def _small(self) -> int:
        return min(_SMALL_BYTES, self._body_bytes // 2)

    def _send_pack(self, group: Sequence[FileEntry]) -> list[str]:
        blobs, changed = self._read(group)
        if blobs:
            self._send([entry for entry in group if entry.path not in changed], blobs)
        return changed

    def _read(self, small: Sequence[FileEntry]) -> tuple[list[tuple[str, bytes]], list[str]]:
        """The bytes of small files by digest, and the paths of those that changed."""
        blobs, changed = [], []
        for entry in small:
            self._check_stop()
            data = _read_small(self._catalogue, entry)
            if data is None or digest_of(data) != entry.digest:
                changed.append(entry.path)
            else:
                blobs.append((entry.digest, data))
        return blobs, changed

    def _send_parts(self, entry: FileEntry) -> None:
        """Send one large file from where its upload stands.

        Raises:
            ChangedError: it is no longer what its digest says.
        """
        transport, entity = self._context.transport, self._of.run.entity
        state = transport.upload_state(entity, entry.digest)
        self._context.report.advance(self._run_dir, state.offset)
        stuck = 0
        try:
            with open_regular(self._catalogue.place(entry.path)) as file:
                while not state.complete:
                    self._check_stop()
                    before = state.offset
                    os.lseek(file.fd, before, os.SEEK_SET)
                    data = _read_exactly(file.fd, min(self._body_bytes, entry.size - before))
                    try:
                        state = self._send_part(entry, before, data)
                    except RefusedError as error:
                        if not self._context.send_less(error, len(data)):
                            raise
                        continue
                    stuck = 0 if state.offset > before else stuck + 1
                    if stuck > _MAX_STUCK and not state.complete:
                        raise RefusedError(
                            f"the server does not take {entry.path} beyond byte {before}",
                            "try again later; look into the server's log",
                        )
        except OSError as error:
            raise ChangedError(entry.path) from error

    def _send_part(self, entry: FileEntry, offset: int, data: bytes) -> PartAnswer:
        transport, entity = self._context.transport, self._of.run.entity
        try:
            state = transport.send_part(entity, entry.digest, offset, entry.size, data)
        except RefusedError as error:
            if error.code == "digest_mismatch":
                raise ChangedError(entry.path) from error
            if error.code != "offset_mismatch":
                raise
            # Another job, or an earlier try of this one, sends the same bytes.
            return transport.upload_state(entity, entry.digest)
        self._count(len(data))
        return state

    def _count(self, size: int) -> None:
        self.sent += size
        self._context.report.advance(self._run_dir, size)

    def _check_stop(self) -> None:
        if self._context.stop.is_set():
            raise StoppedError("stopped", "run the command again")
        if self._leave():
            raise _LeftError


def _never() -> bool:
    return False


def _one_path_each(entries: Sequence[FileEntry]) -> list[FileEntry]:
    """One file for each digest."""
    return list({entry.digest: entry for entry in entries}.values())


def _line(entry: FileEntry) -> int:
    """At most how many bytes of a request name a file."""
    return len(json.dumps(entry.path)) + _LINE_BYTES


def _room(entry: FileEntry) -> int:
    """At most how many bytes of a request name a file and bring it."""
    return _line(entry) + entry.size


def _groups(
    entries: Sequence[FileEntry], limit: int, cost: Callable[[FileEntry], int] = _room
) -> Iterator[list[FileEntry]]:
    group: list[FileEntry] = []
    size = 0
    for entry in entries:
        takes = cost(entry)
        if group and size + takes > limit:
            yield group
            group, size = [], 0
        group.append(entry)
        size += takes
    if group:
        yield group


def _read_small(catalogue: Catalogue, entry: FileEntry) -> bytes | None:
    """The bytes of a small file; None when it is gone or grew."""
    try:
        with open_regular(catalogue.place(entry.path)) as file:
            data = os.read(file.fd, entry.size + 1)
    except OSError:
        return None
    return data if len(data) == entry.size else None


def _read_exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0:
        data = os.read(descriptor, size)
        if not data:
            raise ChangedError("the file is shorter than it was")
        parts.append(data)
        size -= len(data)
    return b"".join(parts)
