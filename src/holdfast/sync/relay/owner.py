"""Whose a spool is: one user's, for one server, and one relay's at a time.

Owns `owner.json`, which says so and keeps the server's first answer, and the lock. Must not know
runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from holdfast.errors import StorageError, UsageError
from holdfast.rundir.durable import sync_folder
from holdfast.sync.relay.blobs import told, write_whole
from holdfast.wire import Viewer

if sys.platform != "win32":
    import fcntl

__all__ = ["admit", "read_said", "take"]

_OWNER = "owner.json"
_OTHER = "give another folder with --spool: a spool is one user's, for one server"


def admit(folder: Path, server: str, key: str, viewer: Viewer | None) -> Viewer | None:
    """Whether a key's runs may lie here; remembers the server's answer.

    Args:
        folder: the spool.
        server: its address.
        key: the key; only its digest is kept.
        viewer: what the server answered to it, or None when it did not.

    Returns:
        The answer, now or as it was remembered for the same server and key; None when neither.

    Raises:
        UsageError: runs of another user, or for another server, lie here.
        StorageError: it cannot be kept.
    """
    path = folder / _OWNER
    owner = read_said(path) if path.exists() else None
    secret = hashlib.sha256(key.encode()).hexdigest()
    before = Viewer.from_json(owner["viewer"]) if owner is not None else None
    if owner is not None and owner.get("server") != server:
        raise UsageError(f"{folder} holds runs for {owner.get('server')}", _OTHER)
    if viewer is None:
        return before if owner is not None and owner.get("key") == secret else None
    if before is not None and before.user != viewer.user:
        raise UsageError(f"{folder} holds runs of the user {before.user}", _OTHER)
    said = {"server": server, "key": secret, "viewer": viewer.to_json()}
    with told(path):
        write_whole(path, json.dumps(said, indent=1).encode())
        sync_folder(folder)
    return viewer


def take(folder: Path) -> int:
    """Hold the spool for this process until it ends, however it does."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise StorageError(
                f"another relay works in {folder}", "stop it, or give another --spool"
            ) from error
        except OSError:  # a filesystem without locks: nothing can be said
            pass
    return fd


def read_said(path: Path) -> dict[str, Any]:
    """A JSON object that a relay wrote; StorageError when it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot read {path} ({error})", "restore it") from error
    if not isinstance(found, dict):
        raise StorageError(f"{path} is not what a relay wrote", "restore it")
    return found
