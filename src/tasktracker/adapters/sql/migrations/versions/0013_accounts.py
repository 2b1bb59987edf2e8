"""A table of one-time links; sessions get the time of their last proof."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "one_time_links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(254), nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_one_time_links_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_one_time_links")),
        sa.UniqueConstraint("user_id", "kind", name=op.f("uq_one_time_links_user_id_kind")),
    )
    op.create_index(op.f("ix_one_time_links_expires_at"), "one_time_links", ["expires_at"])
    op.add_column("sessions", sa.Column("proved_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("sessions", "proved_at")
    op.drop_table("one_time_links")
