"""The database of a server: tables, transactions, and the statements of each side.

`schema` has the tables, `store` transactions, `journals`, `contents` and `merge` the writes of
ingest.
"""

from __future__ import annotations

from holdfast.server.metastore.state import run_state
from holdfast.server.metastore.store import MetaStore, Transaction

__all__ = ["MetaStore", "Transaction", "run_state"]
