"""The database of a server: tables, transactions, and the statements of each side.

`schema` has the tables, `store` transactions, `prepared` what is run often; `journals`, `runs` and
`contents` the statements of ingest, `reads` those of query, `users` those of who may do what.
"""

from __future__ import annotations

from holdfast.server.metastore.state import run_state
from holdfast.server.metastore.store import MetaStore, Transaction

__all__ = ["MetaStore", "Transaction", "run_state"]
