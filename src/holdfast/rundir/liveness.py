"""Whether the process that writes a journal is alive, in a way that cannot go stale.

The writer holds an advisory lock on the journal, which the kernel releases however it ends. A
lock may not be visible from another host (network filesystems), so what the journal's header
says of host and boot decides how far "not locked" can be trusted.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Literal

from holdfast.errors import DamagedError
from holdfast.journal import Frame, Reader
from holdfast.records.decode import parse
from holdfast.rundir.layout import RunDir

if sys.platform != "win32":
    import fcntl

__all__ = ["WriterState", "boot_id", "hold", "writer_of"]

WriterState = Literal["alive", "gone", "unknown"]

#: seconds without a write after which a writer that cannot be asked is taken for gone
_SILENCE = 300.0
_HOLD_TRIES = 20


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

    Not locked means gone only on the host that the journal's header names. Elsewhere, and for
    journals that name none (other clients' journals), five minutes of silence decide.
    """
    if _is_locked(run_dir.journal):
        return "alive"
    if sys.platform != "win32" and _writer_host(run_dir.journal) == platform.node():
        return "gone"
    try:
        silent_for = time.time() - run_dir.journal.stat().st_mtime
    except OSError:
        return "unknown"
    return "gone" if silent_for > _SILENCE else "unknown"


def _writer_host(journal: Path) -> str:
    """The host in the journal's header record; empty when there is none."""
    try:
        with journal.open("rb") as file:
            first = next((item for item in Reader(file) if isinstance(item, Frame)), None)
        return str(parse(first.payload).header.writer.host) if first is not None else ""
    except (OSError, DamagedError):  # whatever is wrong with it, it names no host
        return ""


def boot_id() -> str:
    """What tells one start of this machine from the next; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _is_locked(journal: Path) -> bool:
    if sys.platform == "win32":
        return False
    try:
        fd = os.open(journal, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a filesystem without locks
        return False
    finally:
        os.close(fd)
    return False
