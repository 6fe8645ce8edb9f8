"""HTTP only: one file a resource. Must not know SQL or Parquet.

`make_api(parts)` gives the ASGI application; `Parts` is what it works with.
"""

from __future__ import annotations

from holdfast.server.api.auth import Authority
from holdfast.server.api.metrics import Metrics
from holdfast.server.api.parts import Parts
from holdfast.server.api.routes import make_api

__all__ = ["Authority", "Metrics", "Parts", "make_api"]
