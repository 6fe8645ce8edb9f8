"""What speaks to wandb's own clients: their GraphQL, their stream of lines, their file URLs.

Owns how a wandb client's request becomes a call of `Ingest` or a question to `Queries`, and how
the answer is said in the client's words. Must not know SQL, Parquet, or the rest of the HTTP
interface. docs/formats/wandb-gateway.md says what is served.
"""

from __future__ import annotations

from holdfast.server.gateway.routes import Gateway

__all__ = ["Gateway"]
