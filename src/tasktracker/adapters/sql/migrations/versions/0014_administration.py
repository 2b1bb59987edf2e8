"""Feeds count what their users own, and events name administrators. Numbers are counted for each day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTED = ("tasks", "categories", "bytes")


def upgrade() -> None:
    """Migrate to this revision."""
    for name in COUNTED:
        op.add_column("feeds", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    for name in COUNTED:
        op.add_column("feeds", sa.Column(f"max_{name}", sa.BigInteger(), nullable=True))
    _count()
    op.add_column("auth_events", sa.Column("admin_id", sa.Uuid(), nullable=True))
    op.add_column("auth_events", sa.Column("subject", sa.Uuid(), nullable=True))
    op.create_index("ix_auth_events_kind", "auth_events", ["kind", "at"])
    for name in ("admin_id", "subject"):
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(
            f"ix_auth_events_{name}", "auth_events", [name, "at"], postgresql_where=where, sqlite_where=where
        )
    op.create_table(
        "daily_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "kind", name=op.f("pk_daily_counts")),
    )
    op.create_table(
        "maintenance",
        sa.Column("name", KEY, nullable=False),
        sa.Column("done_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_maintenance")),
    )


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_table("maintenance")
    op.drop_table("daily_counts")
    for name in ("subject", "admin_id", "kind"):
        op.drop_index(f"ix_auth_events_{name}", "auth_events")
    op.drop_column("auth_events", "subject")
    op.drop_column("auth_events", "admin_id")
    for name in COUNTED:
        op.drop_column("feeds", f"max_{name}")
        op.drop_column("feeds", name)


def _count() -> None:
    op.execute(
        """
        INSERT INTO feeds (user_id, head) SELECT id, 0 FROM users
        WHERE NOT EXISTS (SELECT 1 FROM feeds WHERE feeds.user_id = users.id)
        """
    )
    length = "octet_length({})" if op.get_bind().dialect.name == "postgresql" else "length(CAST({} AS BLOB))"
    text = f"{length.format('title')} + {length.format('description')}"
    # The same expressions serve PostgreSQL and SQLite; a user without tasks has no row in the derived table.
    op.execute(
        f"""
        UPDATE feeds SET tasks = owned.tasks, bytes = owned.bytes
        FROM (SELECT owner, count(*) AS tasks, sum({text}) AS bytes FROM tasks GROUP BY owner) AS owned
        WHERE owned.owner = feeds.user_id
        """  # noqa: S608  # constants
    )
    op.execute(
        """
        UPDATE feeds SET categories = owned.categories
        FROM (SELECT user_id, count(*) AS categories FROM categories GROUP BY user_id) AS owned
        WHERE owned.user_id = feeds.user_id
        """
    )
