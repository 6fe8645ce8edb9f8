"""The tables: what a server keeps about users, projects, runs, journals, segments and files.

Owns names, types and constraints; `migrations/` creates exactly these. Must not know who reads
or writes them, Parquet or HTTP. Text columns commented "JSON" hold what
`holdfast.records.values.dumps` writes (exact, NaN included). Times are Unix seconds; positions
and sizes are bytes.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

__all__ = [
    "METADATA",
    "api_keys",
    "contents",
    "counters",
    "deletions",
    "files",
    "journals",
    "pieces",
    "projects",
    "runs",
    "segments",
    "stretches",
    "users",
]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _count(name: str) -> Column[int]:
    """A number that starts at 0: rows, bytes, a position."""
    return Column(name, BigInteger, nullable=False, server_default="0")


def _json(name: str, empty: str = "{}") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=empty)


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=text("''"))


def _parent(name: str, table: str) -> Column[int]:
    return Column(name, Integer, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False)


users = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("user_id", "users"),
    # SHA-256 of the key in hex: the key itself is shown once and kept nowhere
    Column("digest", Text, nullable=False, unique=True),
    Column("created_at", Double, nullable=False),
    Index(None, "user_id"),
)

projects = Table(
    "projects",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("entity", "name"),
)

# A run's row is derived: the merge of its journals (ingest/merge.py).
runs = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("project_id", "projects"),
    Column("run_id", Text, nullable=False),
    _words("name"),
    Column("exit_code", Integer),
    # its latest journal says that the machine will be taken away
    Column("preempting", Boolean, nullable=False, server_default=false()),
    # alive | gone | unknown | client, as last heard, of the run's latest journal
    Column("writer", Text, nullable=False, server_default="unknown"),
    Column("heard_at", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    _words("group"),
    _words("job_type"),
    _words("notes"),
    _json("tags", "[]"),
    _json("config"),
    _json("summary"),
    _json("metadata"),
    _json("defined_metrics", "[]"),
    # {"history": {key: kind}, "system": {key: kind}}; a kind is number, bool, text, json or the
    # `_type` of a media value (image-file, table-file, ...)
    _json("metric_keys", '{"history": {}, "system": {}}'),
    _count("rows"),
    Column("last_step", BigInteger),
    Column("duration", Double, nullable=False, server_default="0"),
    # confirmed | received | arriving | gaps
    Column("proof", Text, nullable=False, server_default="arriving"),
    # when somebody asked the training to stop; it counts for a session that began before
    Column("stop_requested_at", Double),
    # the server's counter at this run's last change
    Column("changed", BigInteger, nullable=False, index=True),
    UniqueConstraint("project_id", "run_id"),
)

journals = Table(
    "journals",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("run_pk", "runs"),
    Column("journal", Text, nullable=False),
    # what a server that writes it itself does with it: server | edits; "" when a sender wrote it
    _words("role"),
    # which of several writers that write the run at the same time; "" when it has one at a time
    _words("label"),
    Column("started_at", Double, nullable=False),
    # from when its rows count _runtime, Unix milliseconds; 0 when each row says its own
    _count("runtime_since"),
    # what the server holds: the end of the last whole frame
    _count("position"),
    # up to here bytes are in blobs and rows in segments; from here on pieces hold them inline
    _count("flushed"),
    # how many rows are in segments
    _count("flushed_rows"),
    _json("replay"),
    _json("metric_keys", '{"history": {}, "system": {}}'),
    # JSON {kind: how many records}
    _json("records"),
    # JSON [[start, end], ...]
    _json("gaps", "[]"),
    # JSON [journal, ...]: the ids of those that this one was repaired from
    _json("replaces", "[]"),
    # rows that were closed, and JSON of the one that was not, if any
    _count("rows"),
    # JSON [step, Unix seconds] of the first row
    Column("first_row", Text),
    Column("open_row", Text),
    Column("last_step", BigInteger),
    # seconds, as the journal itself tells
    Column("duration", Double, nullable=False, server_default="0"),
    Column("exit_code", Integer),
    # has its exit record
    Column("complete", Boolean, nullable=False, server_default=false()),
    Column("writer", Text, nullable=False, server_default="unknown"),
    Column("heard_at", Double, nullable=False),
    # JSON of the last claim that matched; null when none has, or files changed since
    Column("claim", Text),
    Column("claim_at", Double),
    UniqueConstraint("run_pk", "journal"),
)

# A journal's bytes, in order and without overlap. Inline (data) for the short tail, else blob.
pieces = Table(
    "pieces",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("journal_pk", "journals"),
    _count("start"),
    _count("end"),
    Column("blob", Text),
    Column("data", LargeBinary),
    UniqueConstraint("journal_pk", "start"),
)

stretches = Table(
    "stretches",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("journal_pk", "journals"),
    # 0, 1, ... within the journal
    Column("number", Integer, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    _count("rows"),
    UniqueConstraint("journal_pk", "number"),
)

segments = Table(
    "segments",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("journal_pk", "journals"),
    # history | system | console
    Column("kind", Text, nullable=False),
    Column("blob", Text, nullable=False),
    _count("rows"),
    # number of the first row in its journal, of this kind
    _count("first_row"),
    # least and greatest step in it; null unless kind is history
    Column("first_step", BigInteger),
    Column("last_step", BigInteger),
    # the journal positions it was made from
    _count("start"),
    _count("end"),
    # JSON {key: kind}, as in metric_keys
    _json("columns"),
    UniqueConstraint("journal_pk", "kind", "first_row"),
)

# Where the bytes of a digest lie. Those of a small file lie inline (data) until many of them are
# packed into one blob: whoever sends a run of five small files waits for no file of the disk.
contents = Table(
    "contents",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("blob", Text),
    Column("offset", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("data", LargeBinary),
    UniqueConstraint("entity", "digest"),
    Index(None, "blob"),
)

files = Table(
    "files",
    METADATA,
    Column("id", Integer, primary_key=True),
    _parent("journal_pk", "journals"),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("journal_pk", "path"),
)

# Runs that somebody deleted: no sender brings one back before somebody says so.
deletions = Table(
    "deletions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("deleted_at", Double, nullable=False),
    # a user's name
    Column("deleted_by", Text, nullable=False),
    UniqueConstraint("entity", "project", "run_id"),
)

# One row a counter. "changed" orders the changes of runs over the whole server.
counters = Table(
    "counters",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
