"""What lies in a journal on disk, frame by frame: how far it reaches, counts, places to cut.

Owns one pass over the file, which can go on as the file grows. Must not know servers, nor anything
of a record but its kind, of the first `run` record its bytes, and where those of artifacts stand.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from holdfast.errors import DamagedError, StorageError
from holdfast.journal import HEADER, Frame, Gap, Reader
from holdfast.records.decode import kind
from holdfast.wire import journal_id
from holdfast.wire.digests import format_digest

__all__ = ["CHUNK_BYTES", "SLICE_BYTES", "ReplacedError", "Survey"]

CHUNK_BYTES = 4 << 20
"""A chunk is at most this long, unless a single frame is longer."""

_MARK_BYTES = 256 << 10
SLICE_BYTES = CHUNK_BYTES - 2 * _MARK_BYTES
"""What is surveyed at a time while chunks are sent: with what goes over this limit, one chunk."""

_SETTLE_SECONDS = 3.0
_HASH_BYTES = 1 << 20
_MET = frozenset({"run", "artifact"})


class ReplacedError(DamagedError):
    """The journal is another one than before, or shorter than what was read of it."""


class _Waiting(NamedTuple):
    """A gap that may still fill: where it is, when it was seen so first, how long the file was."""

    start: int
    end: int
    since: float
    size: int


class _WholeReads(io.FileIO):
    """A file whose `read` gives all that was asked for, short only at the end.

    Not a buffered file: a buffer could hold bytes from before a hole in the file was filled.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        data: bytes = super().read(size) or b""
        while size is not None and 0 < len(data) < size:
            more = super().read(size - len(data))
            if not more:
                break
            data += more
        return data


class Survey:
    """One journal file, read while it is entered as a context manager.

    It can be left and entered again any number of times and goes on where it stood: in between it
    holds no open file.

    Args:
        path: the `.wandb` file.
        clock: seconds, for telling how long a gap has stood still.

    Attributes:
        size: bytes of the file at the last `advance`.
        position: end of the last whole frame that was taken.
        records: how many records of each kind stand before `position`.
        gaps: unreadable stretches before `position`, as (start, end).
        run_record: payload of the first `run` record, or None.
        artifacts: where the `artifact` records stand, as (start, end): they may be large.
        unsettled: whether `advance` stopped before a gap that may still fill.
        more: whether `advance` stopped at its limit.

    Raises:
        StorageError: on entering, the file cannot be read.
        ReplacedError: on entering again, it is not the file that was left; on going on, its `run`
            record has come after its name was asked for, so that it has another name now.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.size = 0
        self.position = 0
        self.records: Counter[str] = Counter()
        self.gaps: list[tuple[int, int]] = []
        self.run_record: bytes | None = None
        self.artifacts: list[tuple[int, int]] = []
        self.unsettled = False
        self.more = False
        self._first: bytes | None = None
        self._named: str | None = None
        self._marks: list[int] = []
        self._waiting: _Waiting | None = None
        self._settled = 0
        self._clock = clock
        self._identity: tuple[int, int] | None = None

    def __enter__(self) -> Survey:
        with contextlib.ExitStack() as opened:
            try:
                self._file = opened.enter_context(_WholeReads(self.path, "rb"))
                # A handle of its own for `read`, which another thread may call meanwhile.
                self._other = opened.enter_context(_WholeReads(self.path, "rb"))
                found = os.fstat(self._file.fileno())
            except OSError as error:
                raise _unreadable(self.path, error) from error
            identity = (found.st_dev, found.st_ino)
            if self._identity not in {None, identity} or found.st_size < self.position:
                raise ReplacedError(
                    f"{self.path} is not the file that it was, or shorter", "it is read anew"
                )
            self._identity = identity
            opened.pop_all()
        self._reader = Reader(self._file, start=self.position)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._other.close()

    @property
    def replaced(self) -> bool:
        """Whether the file that is read lies at its path no more: another does, or none."""
        try:
            return not os.path.samestat(os.stat(self.path), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            return True
        except OSError as error:
            raise _unreadable(self.path, error) from error

    @property
    def torn(self) -> int:
        """Bytes after the last whole frame."""
        return self.size - self.position

    @property
    def rows(self) -> int:
        """Rows of history so far."""
        return self.records["history"]

    @property
    def complete(self) -> bool:
        """Whether the journal has its ``exit`` record."""
        return self.records["exit"] > 0

    @property
    def journal(self) -> str:
        """The journal's id: of its first `run` record, else of its first frame.

        Raises:
            DamagedError: it has no frame at all.
        """
        self._named = self._name
        return self._named

    @property
    def _name(self) -> str:
        payload = self._first if self.run_record is None else self.run_record
        if payload is None:
            raise DamagedError(f"{self.path} has no readable record", _what_it_is(self))
        return journal_id(payload)

    @property
    def bare(self) -> bool:
        """Whether nothing was written yet: no frame, and nothing but (a part of) the header."""
        return self._first is None and HEADER.startswith(self._bytes(0, len(HEADER) + 1))

    def advance(self, *, growing: bool, limit: int | None = None) -> bool:
        """Take the frames that were written since; True when there were any.

        Args:
            growing: the writer may be alive. Then a gap is taken only when it has stood still
                for some seconds: network filesystems show holes where bytes are under way.
            limit: stop after about so many bytes; `more` then tells that there are others.
        """
        before = self.position
        self.unsettled = self.more = False
        try:
            self.size = os.fstat(self._file.fileno()).st_size
            self._take_all(growing=growing, until=self.position + limit if limit else 0)
            self.size = max(os.fstat(self._file.fileno()).st_size, self.position)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        if self._named is not None and self._named != self._name:
            # Somebody copies it again from its beginning: what was begun under the other name
            # had no row, and what follows must not go there.
            raise ReplacedError(f"the run record of {self.path} came late", "it is read anew")
        return self.position > before

    def next_end(self, start: int, limit: int = CHUNK_BYTES) -> int:
        """Where a chunk that begins at ``start`` should end: a position, beyond ``start``.

        At most ``limit`` bytes on, if there is a position within them.
        """
        if self.position - start <= limit:
            return self.position
        index = bisect_right(self._marks, start + limit) - 1
        if index >= 0 and self._marks[index] > start:
            return self._marks[index]
        return self._marks[index + 1] if index + 1 < len(self._marks) else self.position

    def read(self, start: int, end: int) -> bytes:
        """The bytes of the file between two positions."""
        data = self._bytes(start, end)
        if len(data) != end - start:
            raise DamagedError(
                f"{self.path} is shorter than it was a moment ago", "see who writes to it"
            )
        return data

    def digest(self, position: int) -> str:
        """The digest of the file's first ``position`` bytes, read from the disk now."""
        hasher = hashlib.sha256()
        for start in range(0, position, _HASH_BYTES):
            hasher.update(self.read(start, min(start + _HASH_BYTES, position)))
        return format_digest(hasher.hexdigest())

    def _take_all(self, *, growing: bool, until: int) -> None:
        """Every frame up to the end of the file, or past ``until`` unless that is 0.

        The loop is all that a row costs here.
        """
        records, position = self.records, self.position
        mark = self._marks[-1] if self._marks else 0
        try:
            for item in self._reader:
                if type(item) is not Frame:
                    self.position = position
                    if not self._take_gap(item, growing=growing):  # type: ignore[arg-type]
                        return
                    continue
                payload, _, end = item
                name = kind(payload)
                records[name] += 1
                if name in _MET or self._first is None:
                    self._meet(item, name)
                # Every place to cut is the end of a frame; a long frame gets one right before it.
                if end - mark > _MARK_BYTES and position:
                    self._marks.append(position)
                    mark = position
                    self.more = 0 < until < end
                position = end
                if self.more:
                    return
        finally:
            self.position = position

    def _meet(self, frame: Frame, name: str) -> None:
        """Keep what names the journal, and where the records of artifacts stand."""
        if self._first is None:
            self._first = frame.payload
        if name == "run" and self.run_record is None:
            self.run_record = frame.payload
        elif name == "artifact":
            self.artifacts.append((frame.start, frame.end))

    def _take_gap(self, gap: Gap, *, growing: bool) -> bool:
        if growing and gap.end > self._settled:
            now, seen = self._clock(), self._waiting
            if seen is None or (seen.start, seen.end) != (gap.start, gap.end):
                seen = self._waiting = _Waiting(gap.start, gap.end, now, self.size)
            if now - seen.since < _SETTLE_SECONDS:
                self.unsettled = True
                self._reader = Reader(self._file, start=self.position)
                return False
            # What the file had then has had its time too: a damaged journal waits once, not once
            # for each of its gaps.
            self._settled = seen.size
        self._waiting = None
        self.gaps.append((gap.start, gap.end))
        return True

    def _bytes(self, start: int, end: int) -> bytes:
        try:
            self._other.seek(start)
            return self._other.read(end - start)
        except OSError as error:
            raise _unreadable(self.path, error) from error


def _what_it_is(survey: Survey) -> str:
    if survey.size == 0:
        return "the file is empty: nothing of this run reached the disk"
    return "it is damaged, or no W&B journal at all; look at it, then remove or restore the folder"


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot read {path}: {error.strerror or error}", "check that it exists and may be read"
    )
