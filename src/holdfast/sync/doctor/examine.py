"""All that the doctor looks at, in the order in which one thing rests on another.

Owns that order. Must not know any subject.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.settings.credentials import key_for
from holdfast.sync.doctor.disk import look_at_disk, look_at_server_disk, look_at_temporary
from holdfast.sync.doctor.filesystem import look_at_filesystem
from holdfast.sync.doctor.finding import Finding
from holdfast.sync.doctor.folders import Pending, look_at_folder
from holdfast.sync.doctor.key import look_at_key
from holdfast.sync.doctor.locks import look_at_locks
from holdfast.sync.doctor.network import Way, look_at_limits, look_at_network, look_at_speed
from holdfast.sync.doctor.server import Asked, look_at_runs
from holdfast.sync.doctor.versions import look_at_server
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.many import find_all

__all__ = ["look_at_here", "look_at_way"]


def look_at_here(
    paths: Sequence[Path], server: str, pending: Pending, tick: Callable[[int, int], None]
) -> Iterator[Finding]:
    """What the disk has to say: runs, locks, room, filesystem.

    Args:
        paths: where to look for runs.
        server: the address whose receipts count.
        pending: gets what there is to send.
        tick: called with (done, all) runs.
    """
    runs, missing = find_all(paths, lost=True)
    for error in missing:
        yield Finding("folders", "error", "a path cannot be looked at", error.what, error.do)
    for number, run_dir in enumerate(runs):
        tick(number, len(runs))
        try:
            yield from look_at_folder(run_dir, server, pending)
        except OSError as error:
            what = "the run folder could not be looked at to its end"
            said = f"{error.filename or run_dir.path}: {error.strerror or error}"
            cure = "see whether it was moved or its disk fails, then look again"
            yield Finding("folders", "error", what, said, cure, run_dir.path)
    tick(len(runs), len(runs))
    yield _count(runs, pending)
    yield from pending.written.findings()
    folders = {run_dir.path for run_dir in runs}
    tops = {folder.parent for folder in folders} | {path for path in paths if path.is_dir()}
    yield from look_at_locks(sorted(tops - folders), runs)
    for folder in _one_each_device(sorted(tops)):
        yield from look_at_disk(folder)
        yield from look_at_filesystem(folder)
    yield from look_at_temporary()


def look_at_way(server: str, pending: Pending, timeout: float) -> Iterator[Finding]:
    """What there is to say of the way to the server, and what it says of the runs.

    Args:
        server: its address.
        pending: what there is to send.
        timeout: seconds to wait for an answer.
    """
    yield from look_at_key(server)
    try:
        key = key_for(server)
    except HoldfastError:
        key = None  # said just now
    for found in look_at_network(server, key.value if key else "", timeout):
        if isinstance(found, Way):
            yield look_at_server(found.viewer.version)
            yield from look_at_server_disk(found.viewer.disk)
            yield from look_at_limits(found.viewer, pending.longest)
            asked = Asked(HttpTransport(found.connection), found.viewer, server, timeout)
            yield from look_at_runs(asked, pending)
            yield from look_at_speed(found, pending.size)
            found.connection.close()
        else:
            yield found


def _count(runs: Sequence[object], pending: Pending) -> Finding:
    if not runs:
        cure = "name a run folder or a folder above: PATH may be anywhere"
        return Finding("folders", "note", "no runs found", "", cure)
    evidence = f"{len(pending.synced)} confirmed, {pending.runs} pending"
    evidence += f" ({pending.size / 1e6:,.1f} MB)" if pending.runs else ""
    evidence += f", {pending.deleted} deleted on the server" if pending.deleted else ""
    word = "run" if len(runs) == 1 else "runs"
    return Finding("folders", "ok", f"{len(runs)} {word} found", evidence)


def _one_each_device(folders: Sequence[Path]) -> Iterator[Path]:
    """One folder of each filesystem."""
    seen = set()
    for folder in folders:
        try:
            device = folder.stat().st_dev
        except OSError:
            continue  # told where its runs are looked at
        if device not in seen:
            seen.add(device)
            yield folder
