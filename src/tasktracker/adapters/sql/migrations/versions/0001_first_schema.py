"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Not imported from the program: the result of a migration must not change with the program.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(150), nullable=False),
        sa.Column("username_key", KEY, nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("email_key", KEY, nullable=True),
        sa.Column("first_name", sa.String(150), nullable=False),
        sa.Column("last_name", sa.String(150), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("username_key", name=op.f("uq_users_username_key")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("device", sa.String(200), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("confirmed_generation", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("rotated_at", MOMENT, nullable=False),
        sa.Column("idle_until", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"])
    op.create_table(
        "categories",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", KEY, nullable=False),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("color", sa.String(7), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_categories")),
        sa.UniqueConstraint("user_id", "name_key", name=op.f("uq_categories_user_id_name_key")),
        sa.UniqueConstraint("user_id", "id", name=op.f("uq_categories_user_id_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_categories_user_id"), ondelete="CASCADE"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.String(10_000), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("due_date", MOMENT, nullable=True),
        sa.Column("category", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_tasks_created_by"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["created_by", "category"],
            ["categories.user_id", "categories.id"],
            name=op.f("fk_tasks_category"),
        ),
        sa.CheckConstraint("priority IN (1, 2, 3, 4)", name=op.f("ck_tasks_priority")),
        sa.CheckConstraint("state IN ('open', 'in_progress', 'done', 'cancelled')", name=op.f("ck_tasks_state")),
    )
    op.create_index(op.f("ix_tasks_list"), "tasks", ["created_by", "created_at", "id"])
    op.create_index(op.f("ix_tasks_category"), "tasks", ["created_by", "category", "created_at", "id"])
    op.create_table(
        "secrets",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
    )


def downgrade() -> None:
    """Migrate back to an empty database."""
    for table in ("secrets", "tasks", "categories", "sessions", "users"):
        op.drop_table(table)
