"""Writing a journal: one write per frame before `append` returns, and no way to break training.

A disk that says no (full, quota, I/O error) is never an exception here. The payload waits in
memory and is written, in order, when the disk takes it again; a frame that went in half is cut
off at once, so that the file never holds half a frame in the middle.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from holdfast.errors import StorageError, UsageError
from holdfast.journal.framing import HEADER, chunks

__all__ = ["Writer"]

_POLICIES = ("never", "interval", "always")
#: payload bytes that wait in memory for the disk; beyond it, payloads are dropped and counted
_MAX_WAITING = 64 * 1024 * 1024
#: seconds between two tries of a disk that said no, so that training is not slowed by them
_RETRY_EVERY = 0.5


class Writer:
    """Appends frames to a new `.wandb` file. Safe from several threads.

    Args:
        path: the file; it must not exist yet.
        fsync: ``never``, ``interval`` (from a thread of its own) or ``always`` (before `append`
            returns). It bounds what a power cut takes; a killed process loses nothing in any case.
        interval: seconds between two fsyncs of the policy ``interval``.
        on_error: called with the OSError when the disk begins to say no, once each time. It is
            called inside `append` and must not call the writer.

    Raises:
        UsageError: the policy is none of the three.
        StorageError: the file exists, or cannot be created.

    Attributes:
        position: bytes that stand in the file as whole frames, header included.
        lost: payloads dropped because the disk said no for too long.
        lock: what whoever writes holds; to be taken before `append_held`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        fsync: str = "interval",
        interval: float = 1.0,
        on_error: Callable[[OSError], None] | None = None,
    ) -> None:
        if fsync not in _POLICIES:
            raise UsageError(f"fsync policy {fsync!r} is unknown", f"use one of {_POLICIES}")
        self.path = Path(path)
        self.lost = 0
        self.lock = threading.RLock()
        self._on_error = on_error
        self._always = fsync == "always"
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._failing: set[str] = set()
        self._ragged = False
        # Nothing waits, nothing half stands behind the last frame, no frame has its own fsync.
        self._clear = False
        self._next_try = 0.0
        self._dirty = False
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            self._fd = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise StorageError(
                f"cannot create the journal {self.path}: {error.strerror}",
                "choose another folder with dir= or WANDB_DIR",
            ) from error
        # One store moves each of the two: an exception may come in between any two steps.
        self.position = self._end = 0
        self._put(HEADER)
        self._stop = threading.Event()
        self._syncer: threading.Thread | None = None
        if fsync == "interval":
            self._syncer = threading.Thread(
                target=self._sync_every, args=(interval,), name="holdfast-fsync", daemon=True
            )
            self._syncer.start()

    @property
    def pending(self) -> int:
        """Payloads that wait in memory for the disk to take them."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether `close` or `abandon` was called."""
        return self._fd < 0

    def append(self, payload: bytes) -> None:
        """Write one frame; it is with the operating system when this returns.

        When the disk says no, the payload waits in memory instead (see `pending`, `lost`). After
        `close` or `abandon` the payload counts as lost.
        """
        with self.lock:
            self.append_held(payload)

    def append_held(self, payload: bytes) -> None:
        """`append` for who holds `lock` already: taking a lock twice is a twentieth of a `log`."""
        position = self.position
        if self._clear and position == self._end:  # nearly always
            data = chunks(payload, position)
            self._end = end = position + len(data)
            try:
                if os.write(self._fd, data) == len(data):
                    self.position = end
                    self._dirty = True
                    return
            except OSError:  # the next try says which
                pass
        self._append_with_care(payload)

    def _append_with_care(self, payload: bytes) -> None:
        if self._end != self.position:
            self._settle()
        if self._fd < 0:
            self.lost += 1
        elif self._waiting or not self.position:  # no header yet, or others wait before it
            self._wait(payload)
            self._retry()
        elif not self._put(chunks(payload, self.position)):
            self._wait(payload)

    def flush(self) -> None:
        """Try once more to write what waits for the disk."""
        with self.lock:
            self._next_try = 0.0
            self._retry()

    def sync(self) -> None:
        """Bring what was written to stable storage (fsync)."""
        # The flag falls before the call: what is written meanwhile is synced by the next one.
        self._dirty = False
        try:
            os.fsync(self._fd)
        except OSError as error:
            self._dirty = True
            self._report("fsync", error)
        else:
            self._failing.discard("fsync")

    def fileno(self) -> int:
        """The file descriptor, -1 when closed."""
        return self._fd

    def close(self) -> None:
        """Write what waits, sync unless the policy is ``never``, and close. May be called twice."""
        self._stop.set()
        if self._syncer is not None and self._syncer is not threading.current_thread():
            self._syncer.join(timeout=5)
        with self.lock:
            if self._fd < 0:
                return
            self._next_try = 0.0
            self._retry()
            self.lost += len(self._waiting)
            self._waiting.clear()
            if self._always or self._syncer is not None:
                self.sync()
            os.close(self._fd)
            self._fd = -1

    def abandon(self) -> None:
        """Let go of the file without writing: for the child of a fork, whose parent writes on."""
        # The lock may be held by a thread that does not exist in this process: it is not taken.
        # So may the lock inside the event; the thread that waits for it is not here either.
        fd, self._fd = self._fd, -1
        self.lock = threading.RLock()
        self._stop = threading.Event()
        self._syncer = None
        self._waiting = deque()
        if fd >= 0:
            with contextlib.suppress(OSError):  # nothing was written through it here
                os.close(fd)

    def _put(self, data: bytes) -> bool:
        try:
            if self._ragged:
                self._cut()
            self._end = self.position + len(data)
            written = os.write(self._fd, data)
            while written != len(data):  # the next try says why, if it fails
                written += os.write(self._fd, data[written:])
            if self._always:
                os.fsync(self._fd)
        except OSError as error:
            self._ragged = True
            self._clear = False
            self._end = self.position
            with contextlib.suppress(OSError):  # tried again above before the next write
                self._cut()
            self._report("write", error)
            return False
        self.position = self._end
        self._failing.discard("write")
        self._dirty = True
        self._clear = not self._always and not self._waiting
        return True

    def _settle(self) -> None:
        """Find out what became of a write that a signal handler's exception broke off.

        An interrupt (Ctrl-C in a notebook) is raised right after the write in which it came.
        """
        with contextlib.suppress(OSError):
            if os.fstat(self._fd).st_size == self._end:
                self.position = self._end  # it is whole, and a reader may have read it
                return
        self._ragged = True
        self._clear = False
        self._end = self.position

    def _cut(self) -> None:
        """Cut off what stands behind the last whole frame."""
        os.ftruncate(self._fd, self.position)
        self._ragged = False

    def _wait(self, payload: bytes) -> None:
        if self._waiting_bytes + len(payload) > _MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(payload)
        self._waiting_bytes += len(payload)

    def _retry(self) -> None:
        if self._end != self.position:
            self._settle()
        now = time.monotonic()
        if now < self._next_try:
            return
        if self._waiting and not self.position and not self._put(HEADER):
            self._next_try = now + _RETRY_EVERY
            return
        while self._waiting and self._fd >= 0:
            if not self._put(chunks(self._waiting[0], self.position)):
                self._next_try = now + _RETRY_EVERY
                return
            self._waiting_bytes -= len(self._waiting.popleft())

    def _report(self, what: str, error: OSError) -> None:
        first = what not in self._failing
        self._failing.add(what)
        if first and self._on_error is not None:
            self._on_error(error)

    def _sync_every(self, interval: float) -> None:
        while not self._stop.wait(interval):
            if self._waiting:
                self.flush()
            if self._dirty and self._fd >= 0:
                self.sync()
