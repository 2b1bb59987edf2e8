"""Add one-time links, invitations, settings, the language of users, and the last use of sessions and API tokens."""

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
    op.create_table(
        "invites",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(200), nullable=False),
        sa.Column("address", sa.String(254), nullable=True),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_invites_created_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
        sa.UniqueConstraint("digest", name=op.f("uq_invites_digest")),
    )
    op.create_index(op.f("ix_invites_created_at"), "invites", ["created_at", "id"])
    op.create_index(op.f("ix_invites_created_by"), "invites", ["created_by"])
    settings = op.create_table(
        "service_settings",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_settings")),
    )
    # A row that registrations can lock, so that they do not miss a change.
    op.bulk_insert(settings, [{"name": "registration", "value": "open"}])
    op.add_column("users", sa.Column("language", sa.String(2), nullable=False, server_default="en"))
    op.add_column("api_tokens", sa.Column("last_used_at", MOMENT, nullable=True))
    op.add_column("sessions", sa.Column("proved_at", MOMENT, nullable=True))
    op.add_column("sessions", sa.Column("address", sa.Text(), nullable=True))
    op.add_column("sessions", sa.Column("user_agent", sa.String(300), nullable=True))
    op.add_column("sessions", sa.Column("used_at", MOMENT, nullable=True))
    op.execute("UPDATE sessions SET used_at = rotated_at")
    with op.batch_alter_table("sessions") as sessions:
        sessions.alter_column("used_at", existing_type=MOMENT, nullable=False)


def downgrade() -> None:
    """Migrate back to the revision before."""
    for table, column in (
        ("sessions", "used_at"),
        ("sessions", "user_agent"),
        ("sessions", "address"),
        ("sessions", "proved_at"),
        ("api_tokens", "last_used_at"),
        ("users", "language"),
    ):
        op.drop_column(table, column)
    for table in ("service_settings", "invites", "one_time_links"):
        op.drop_table(table)
