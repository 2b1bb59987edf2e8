"""Feeds: one row per user and item, in the order in which devices receive them; tickets for event streams."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")

# Categories before tasks, each in the order of creation.
FILL = """
INSERT INTO feed_items (user_id, type, id, sequence, version, op, reason, told_at)
SELECT user_id, type, id,
       row_number() OVER (PARTITION BY user_id ORDER BY type, created_at, id),
       version, 'upsert', NULL, updated_at
FROM (
    SELECT user_id, 'category' AS type, id, version, created_at, updated_at FROM categories
    UNION ALL
    SELECT task_entries.user_id, 'task', tasks.id, tasks.version, tasks.created_at, tasks.updated_at
    FROM task_entries JOIN tasks ON tasks.id = task_entries.task_id
    WHERE tasks.trashed_at IS NULL
) AS items
"""
COUNT = "INSERT INTO feeds (user_id, head) SELECT user_id, count(*) FROM feed_items GROUP BY user_id"


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "tickets",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("token_expires_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_tickets")),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.id"], name=op.f("fk_tickets_session_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_tickets_session_id"), "tickets", ["session_id"])
    op.create_index(op.f("ix_tickets_expires_at"), "tickets", ["expires_at"])
    op.create_table(
        "feeds",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_feeds")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_feeds_user_id"), ondelete="CASCADE"),
    )
    op.create_table(
        "feed_items",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("op", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(20), nullable=True),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "type", "id", name=op.f("pk_feed_items")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_feed_items_user_id"), ondelete="CASCADE"),
    )
    op.execute(FILL)
    op.execute(COUNT)
    op.create_index(op.f("ix_feed_items_sequence"), "feed_items", ["user_id", "sequence"])
    op.create_index(
        op.f("ix_feed_items_deleted"),
        "feed_items",
        ["told_at"],
        postgresql_where=sa.text("op = 'delete'"),
        sqlite_where=sa.text("op = 'delete'"),
    )


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_table("feed_items")
    op.drop_table("feeds")
    op.drop_table("tickets")
