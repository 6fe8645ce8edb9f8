"""Runs carried by hand: packed into files here, unpacked there, and receipts brought back.

Owns the format (docs/formats/bundle.md) and both directions. What is unpacked is a run folder like
any other: `holdfast.sync.one` brings it to a server. Must not know how anything is shown.
"""

from __future__ import annotations
