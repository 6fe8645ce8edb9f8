"""Answering: lists of runs, one run, lines for charts, rows, console, files.

Owns what an answer says and how it is found without reading more than it needs. Must not know
HTTP, SQL or Parquet: `metastore.reads` has the statements, `history` the segments.
"""

from __future__ import annotations

from holdfast.server.metastore.reads import Totals
from holdfast.server.query.entry import RunEntry
from holdfast.server.query.exports import Export
from holdfast.server.query.files import StoredFile
from holdfast.server.query.lines import LinesRequest
from holdfast.server.query.queries import Queries
from holdfast.server.query.rows import RowsRequest
from holdfast.server.query.runs import RunsRequest

__all__ = [
    "Export",
    "LinesRequest",
    "Queries",
    "RowsRequest",
    "RunEntry",
    "RunsRequest",
    "StoredFile",
    "Totals",
]
