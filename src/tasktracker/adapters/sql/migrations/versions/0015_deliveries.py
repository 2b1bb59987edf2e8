"""A table of deliveries; users get the time at which their address was verified, and one that is not yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("cause", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(254), nullable=True),
        sa.Column("address_key", KEY, nullable=True),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("retried_until", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("cause", "channel", name=op.f("uq_deliveries_cause_channel")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_deliveries_user_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_deliveries_list"), "deliveries", ["created_at", "id"])
    op.create_index(op.f("ix_deliveries_user_id"), "deliveries", ["user_id", "created_at", "id"])
    op.create_index(op.f("ix_deliveries_address_key"), "deliveries", ["address_key", "created_at"])
    op.create_index(op.f("ix_deliveries_ended_at"), "deliveries", ["ended_at"])
    due = sa.text("state = 'due'")
    op.create_index(
        op.f("ix_deliveries_due"), "deliveries", ["next_attempt_at", "id"], postgresql_where=due, sqlite_where=due
    )
    op.add_column("users", sa.Column("pending_email", sa.String(254), nullable=True))
    op.add_column("users", sa.Column("email_verified_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_column("users", "email_verified_at")
    op.drop_column("users", "pending_email")
    op.drop_table("deliveries")
