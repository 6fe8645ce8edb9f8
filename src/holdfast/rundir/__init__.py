"""The run folder: names, discovery, liveness of its writer, markers.

Owns the layout of W&B's run folders (docs/formats/run-folder.md). Must not know what is in a
record's body.
"""

from __future__ import annotations

from holdfast.rundir.discover import discover, lost_runs, runs_with_id
from holdfast.rundir.layout import RunDir, create, of_folder
from holdfast.rundir.liveness import WriterState, boot_id, hold, is_locked, is_process, writer_of
from holdfast.rundir.markers import (
    IGNORE_FILE,
    mark_synced,
    read_ignored,
    read_receipt,
    read_spec,
    write_receipt,
    write_spec,
)
from holdfast.rundir.whole import is_fresh, replace_text

__all__ = [
    "IGNORE_FILE",
    "RunDir",
    "WriterState",
    "boot_id",
    "create",
    "discover",
    "hold",
    "is_fresh",
    "is_locked",
    "is_process",
    "lost_runs",
    "mark_synced",
    "of_folder",
    "read_ignored",
    "read_receipt",
    "read_spec",
    "replace_text",
    "runs_with_id",
    "write_receipt",
    "write_spec",
    "writer_of",
]
