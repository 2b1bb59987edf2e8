"""Add `start_on` to tasks: the day before which a task need not be considered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("tasks", sa.Column("start_on", sa.Date(), nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("tasks", "start_on")
