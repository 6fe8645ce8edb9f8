"""What Alembic runs: the steps, on the connection that `upgrade` brings."""

from __future__ import annotations

from alembic import context

from holdfast.server.metastore.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,  # SQLite cannot alter a table in place
    transactional_ddl=False,  # the caller's transaction holds all of it
)
context.run_migrations()
