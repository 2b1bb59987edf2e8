"""Invitations that are mailed, and a table of invitations to share tasks and categories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("invites", sa.Column("is_mailed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "share_invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("category_id", sa.Uuid(), nullable=True),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("address_key", KEY, nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_invitations")),
        sa.UniqueConstraint("task_id", "address_key", name=op.f("uq_share_invitations_task_id_address_key")),
        sa.UniqueConstraint("category_id", "address_key", name=op.f("uq_share_invitations_category_id_address_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_share_invitations_digest")),
        sa.ForeignKeyConstraint(
            ["task_id"], ["tasks.id"], name=op.f("fk_share_invitations_task_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_share_invitations_category_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["users.id"], name=op.f("fk_share_invitations_invited_by"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_share_invitations_address_key"), "share_invitations", ["address_key"])
    op.create_index(op.f("ix_share_invitations_invited_by"), "share_invitations", ["invited_by"])
    op.create_index(op.f("ix_share_invitations_expires_at"), "share_invitations", ["expires_at"])


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_table("share_invitations")
    op.drop_column("invites", "is_mailed")
