"""Changes of tasks get the time at which a device made them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("task_changes", sa.Column("made_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("task_changes", "made_at")
