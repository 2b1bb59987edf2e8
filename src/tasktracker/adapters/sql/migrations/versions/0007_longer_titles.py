"""Titles have up to 1,000 code points, so that 200 characters of any kind fit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("title", existing_type=sa.String(200), type_=sa.String(1000), existing_nullable=False)


def downgrade() -> None:
    """Migrate back to the revision before. On PostgreSQL this fails while a title has more than 200 code points."""
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("title", existing_type=sa.String(1000), type_=sa.String(200), existing_nullable=False)
