"""Add tables of reminders, notifications and the preferences for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "reminders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", MOMENT, nullable=True),
        sa.Column("before", sa.String(40), nullable=True),
        sa.Column("fires_at", MOMENT, nullable=True),
        sa.Column("fired_for", sa.String(40), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name=op.f("fk_reminders_task"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_reminders_user_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_reminders_task"), "reminders", ["task", "user_id"])
    op.create_index(op.f("ix_reminders_user_id"), "reminders", ["user_id", "created_at", "id"])
    _create_due_index("reminders", "fires_at", "id")
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("task", sa.Uuid(), nullable=True),
        sa.Column("category", sa.Uuid(), nullable=True),
        sa.Column("event", sa.String(40), nullable=True),
        sa.Column("by", sa.String(150), nullable=True),
        sa.Column("moment", MOMENT, nullable=True),
        sa.Column("read", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_notifications_list"), "notifications", ["user_id", "created_at", "id"])
    op.create_index(op.f("ix_notifications_created_at"), "notifications", ["created_at"])
    op.create_table(
        "notification_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("reminder_hour", sa.SmallInteger(), nullable=False),
        sa.Column("reminder_mails", sa.Boolean(), nullable=False),
        sa.Column("summary_hour", sa.SmallInteger(), nullable=True),
        sa.Column("next_summary_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notification_preferences")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_notification_preferences_user_id"), ondelete="CASCADE"
        ),
    )
    _create_due_index("notification_preferences", "next_summary_at", "user_id")


def downgrade() -> None:
    """Migrate back to the revision before."""
    for table in ("notification_preferences", "notifications", "reminders"):
        op.drop_table(table)


def _create_due_index(table: str, moment: str, id_: str) -> None:
    where = sa.text(f"{moment} IS NOT NULL")
    op.create_index(op.f(f"ix_{table}_due"), table, [moment, id_], postgresql_where=where, sqlite_where=where)
