"""Add `seen_at` to users: the last use of sessions that were ended all at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("users", sa.Column("seen_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("users", "seen_at")
