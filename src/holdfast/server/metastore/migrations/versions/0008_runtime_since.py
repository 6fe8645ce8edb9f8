"""Journals know from when their rows count the runtime that they do not say.

Revision: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    since = sa.Column("runtime_since", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("journals", since)
