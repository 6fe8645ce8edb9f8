"""Journals tell their first row, by which a session is known that is told twice.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journals", sa.Column("first_row", sa.Text(), nullable=True))
