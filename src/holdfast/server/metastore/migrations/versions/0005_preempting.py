"""Runs remember that their latest journal says that the machine will be taken away.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    preempting: sa.Column[bool] = sa.Column(
        "preempting", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("runs", preempting)
    runs = sa.table("runs", sa.column("id"), sa.column("preempting", sa.Boolean()))
    names = ("run_pk", "role", "records", "started_at", "journal")
    journals = sa.table("journals", *(sa.column(name, sa.Text()) for name in names))
    latest = (
        sa.select(journals.c.records)
        .where(journals.c.run_pk == runs.c.id, journals.c.role != "edits")
        .order_by(journals.c.started_at.desc(), journals.c.journal.desc())
        .limit(1)
        .scalar_subquery()
    )
    # `records` counts by kind, so the word stands in it for such a record and nothing else.
    op.execute(runs.update().where(latest.contains('"preempting"')).values(preempting=True))
