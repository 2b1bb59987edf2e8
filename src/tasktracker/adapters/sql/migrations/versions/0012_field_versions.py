"""Categories get the versions in which their fields got their values."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("categories", sa.Column("field_versions", sa.Text(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("categories", "field_versions")
