"""The bytes of small files lie inline until they are packed.

Revision: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("contents") as contents:
        contents.alter_column("blob", existing_type=sa.Text(), nullable=True)
        contents.add_column(sa.Column("data", sa.LargeBinary()))
