"""Steps from one schema to the next, run when a store is opened.

Owns the order of the steps (`versions/`, by Alembic). A fresh database is made by running all
of them, so that the road of an old database is walked by every test.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from holdfast.errors import DamagedError

__all__ = ["upgrade"]


def upgrade(connection: Connection) -> None:
    """Bring the database behind ``connection`` to the present schema, in its transaction.

    Raises:
        DamagedError: a newer Holdfast made this database.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    present = MigrationContext.configure(connection).get_current_revision()
    if present == script.get_current_head():
        return
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise DamagedError(
            f"the metastore has schema {present}, which this version does not know",
            "use the newer Holdfast that made it",
        )
    command.upgrade(config, "head")
