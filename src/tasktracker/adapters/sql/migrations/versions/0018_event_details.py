"""Add `detail` to events: the username, the setting or the note that an administrator's operation concerned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("auth_events", sa.Column("detail", sa.Text(), nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("auth_events", "detail")
