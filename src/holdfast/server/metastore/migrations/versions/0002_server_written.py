"""Journals that the server writes itself, and runs that are asked to stop.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    role = sa.Column("role", sa.Text(), server_default=sa.text("''"), nullable=False)
    op.add_column("journals", role)
    op.add_column("runs", sa.Column("stop_requested_at", sa.Double(), nullable=True))
