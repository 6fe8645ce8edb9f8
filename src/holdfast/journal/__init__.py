"""The journal: frames, checksums, positions, durability, recovery.

Owns the framing of `.wandb` files (LevelDB log chunks in 32 KiB blocks;
docs/formats/journal.md has the layout).
Must not know what a frame means.
"""

from __future__ import annotations

from holdfast.journal.framing import HEADER, frames
from holdfast.journal.reader import Frame, Gap, Reader, Scanned, scan, scan_payloads
from holdfast.journal.writer import Writer

__all__ = [
    "HEADER",
    "Frame",
    "Gap",
    "Reader",
    "Scanned",
    "Writer",
    "frames",
    "scan",
    "scan_payloads",
]
