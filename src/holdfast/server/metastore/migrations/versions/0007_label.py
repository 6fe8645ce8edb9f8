"""Journals know which of several writers of a run wrote them.

Revision: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    label = sa.Column("label", sa.Text(), server_default=sa.text("''"), nullable=False)
    op.add_column("journals", label)
