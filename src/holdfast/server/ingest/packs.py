"""The bytes of many small files become one blob: work that nobody waits for.

They arrive inline, in the transaction that names them (`files`), and would make the metastore as
large as all files are if they stayed. The blob is durable before a row names it. Must not know
whose bytes they are, or what they are called by.
"""

from __future__ import annotations

from holdfast.server.ingest.base import Base, fresh
from holdfast.server.metastore import contents

__all__ = ["PACK_BYTES", "PACK_SECONDS", "pack"]

PACK_BYTES = 4 * 1024 * 1024
"""So much is worth a blob at once."""

PACK_SECONDS = 3600.0
"""What is less waits so long for more."""


def pack(base: Base) -> bool:
    """Make one blob of what lies inline; False when there was too little of it.

    Of two that do the same one wins, and what the other wrote is swept.
    """
    with base.store.read() as tx:
        size, since = contents.unpacked(tx)
        if not since or (size < PACK_BYTES and base.clock() - since < PACK_SECONDS):
            return False
        found = contents.oldest_unpacked(tx, PACK_BYTES)
    token = fresh()
    blob = f"packs/{token[:2]}/{token}"
    base.blobs.put(blob, [data for _, data in found])
    places, offset = [], 0
    for content, data in found:
        places.append((content, offset))
        offset += len(data)
    with base.store.write(durable=False) as tx:
        contents.pack(tx, blob, places)
    return True
