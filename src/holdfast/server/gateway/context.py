"""What a resolver works with: who asks, the write side, the read side, and signed URLs.

Owns the bundle that travels with a request through all resolvers, and the type of those. Must
not know what any of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.server.gateway.signing import Signer
from holdfast.server.ingest import Ingest
from holdfast.server.metastore.known import KnownUsers
from holdfast.server.metastore.users import User
from holdfast.server.query import Queries

__all__ = ["Context", "Fields", "Resolver"]


@dataclass(frozen=True)
class Context:
    """One request.

    Args:
        user: who asks.
        users: who may sign in.
        ingest: the write side.
        queries: the read side.
        signer: makes and checks URLs that carry their own authority.
        base_url: of this server as the client reached it, no slash at its end.
        client_id: which of several processes that write one run asks (shared mode); else empty.
    """

    user: User
    users: KnownUsers
    ingest: Ingest
    queries: Queries
    signer: Signer
    base_url: str
    client_id: str = ""


Resolver = Callable[[Any, Context, Mapping[str, Any]], Any]
"""Gives a field's value from (its object, the request, its arguments)."""

Fields = Mapping[str, Mapping[str, Resolver]]
"""{type: {field: resolver}}; a field without one is read from its object, a mapping."""
