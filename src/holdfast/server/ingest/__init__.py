"""The order of writes that makes a crash harmless: chunks, files, receipts.

The API calls `Ingest`. The url in a receipt's run is empty: the API knows its address and puts
it in. To read a file's bytes, `metastore.contents.find(tx, entity, digest)` has them or says in
which blob and from which offset; to read a journal's, `journal_bytes` goes over its pieces.
"""

from __future__ import annotations

from holdfast.server.ingest.append import Held, Say
from holdfast.server.ingest.errors import ClaimMismatch, PositionMismatch, RunDeleted
from holdfast.server.ingest.ingest import Ingest
from holdfast.server.ingest.receipts import journal_bytes

__all__ = [
    "ClaimMismatch",
    "Held",
    "Ingest",
    "PositionMismatch",
    "RunDeleted",
    "Say",
    "journal_bytes",
]
