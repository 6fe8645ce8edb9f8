"""Journals that were repaired name those that they stand for.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    replaces = sa.Column("replaces", sa.Text(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("journals", replaces)
