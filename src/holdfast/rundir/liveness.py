"""Whether the process that writes a journal is alive, in a way that cannot go stale.

The writer holds an advisory lock on the journal, which the kernel releases however it ends. Where
machines share the filesystem the lock is asked for only on the writer's own one: on another it may
be seen or not, may have outlived its machine, and asking is a request to the file server.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
import time
from pathlib import Path
from typing import Literal

from holdfast.errors import DamagedError
from holdfast.journal import Frame, scan
from holdfast.records.decode import parse
from holdfast.rundir.layout import RunDir
from holdfast.rundir.mounts import is_shared

if sys.platform != "win32":
    import fcntl

__all__ = ["WriterState", "boot_id", "hold", "is_locked", "is_process", "writer_of"]

WriterState = Literal["alive", "gone", "unknown"]

#: seconds without a write after which a writer that cannot be asked is taken for gone
_SILENCE = 300.0
#: a millisecond apart; who asks holds the lock for microseconds, unless the machine is very busy
_HOLD_TRIES = 200
#: the header is the first record of a journal, and short
_HEADER_BYTES = 4096


def hold(fd: int) -> None:
    """Say that this process writes the journal open at ``fd``, until it ends or closes it.

    Where the system or the filesystem has no such locks, nothing is said.
    """
    if sys.platform == "win32":
        return
    for _ in range(_HOLD_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody asks `writer_of` right now, which takes microseconds
            time.sleep(0.001)
        except OSError:
            return
        else:
            return


def writer_of(run_dir: RunDir) -> WriterState:
    """Whether somebody writes the journal.

    Not locked means gone only on the machine that the journal's header names. Elsewhere, where
    there are no locks, and for journals that name no machine (other clients' journals), five
    minutes of silence decide. Of another machine's journal on a filesystem that machines share the
    lock is not even asked for (docs/decisions/0026).
    """
    try:
        shared = is_shared(run_dir.path)
        asked = not shared or _is_of_this_machine(run_dir.journal)
        locked = is_locked(run_dir.journal) if asked else None
        if locked:
            return "alive"
        if locked is False and (shared or _is_of_this_machine(run_dir.journal)):
            return "gone"
        silent_for = time.time() - run_dir.journal.stat().st_mtime
    except OSError:
        return "unknown"
    return "gone" if silent_for > _SILENCE else "unknown"


def _is_of_this_machine(journal: Path) -> bool:
    """Whether the header names this machine: by its boot where both have one, else by its name.

    Two machines may have one name; since a restart of this one no writer can have lived on, but
    that is not worth a wrong answer for another machine: silence decides then.
    """
    try:
        with journal.open("rb", buffering=0) as file:
            begin = file.read(_HEADER_BYTES)
        first = next((item for item in scan(begin) if isinstance(item, Frame)), None)
        writer = parse(first.payload).header.writer if first is not None else None
    except (OSError, DamagedError):  # whatever is wrong with it, it names no machine
        return False
    if writer is None:
        return False
    here = boot_id()
    if writer.boot_id and here:
        return bool(writer.boot_id == here)
    return bool(writer.host == platform.node())


@functools.cache
def boot_id() -> str:
    """What tells one start of this machine from the next; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def is_locked(path: Path) -> bool | None:
    """Whether a process holds the advisory lock of a file; None where that cannot be known."""
    if sys.platform == "win32":
        return None
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a filesystem without locks
        return None
    finally:
        os.close(fd)
    return False


def is_process(pid: int) -> bool:
    """Whether a process of this number runs on this machine; True where that cannot be asked."""
    if sys.platform == "win32" or pid <= 0:
        return True  # signal 0 would end it there; 0 and less mean groups of processes
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
