"""Tasks get an owner and the category of their root; categories get members."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "category_members",
        sa.Column("category_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("category_id", "user_id", name=op.f("pk_category_members")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["categories.id"], name=op.f("fk_category_members_category_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_category_members_user_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_category_members_user_id"), "category_members", ["user_id"])
    op.add_column("task_entries", sa.Column("via", sa.Uuid(), nullable=True))
    op.drop_index("ix_tasks_category", "tasks")
    _rename("created_by", "owner")
    op.add_column("tasks", sa.Column("created_by", sa.Uuid(), nullable=True))
    op.add_column("tasks", sa.Column("root_category", sa.Uuid(), nullable=True))
    op.execute(
        "UPDATE tasks SET created_by = owner, "
        "root_category = (SELECT root.category FROM tasks AS root WHERE root.id = tasks.root)"
    )
    with op.batch_alter_table("tasks") as tasks:
        tasks.create_foreign_key(op.f("fk_tasks_category"), "categories", ["category"], ["id"])
    op.create_index(op.f("ix_tasks_category"), "tasks", ["owner", "category"])
    for name, columns, where in (
        ("root_category", ["root_category", "id"], sa.text("root_category IS NOT NULL")),
        ("created_by", ["created_by"], sa.text("created_by <> owner")),
    ):
        op.create_index(op.f(f"ix_tasks_{name}"), "tasks", columns, postgresql_where=where, sqlite_where=where)
    with op.batch_alter_table("categories") as categories:
        categories.drop_constraint(op.f("uq_categories_user_id_id"), type_="unique")


def downgrade() -> None:
    """Migrate back to the revision before. Members lose their access; who created a task for another user is lost."""
    op.execute("DELETE FROM task_entries WHERE via IS NOT NULL")
    op.execute(
        "UPDATE task_entries SET category = "
        "(SELECT tasks.category FROM tasks WHERE tasks.id = task_entries.task_id AND task_entries.role = 'owner') "
        "WHERE category IS NOT NULL OR role = 'owner'"
    )
    with op.batch_alter_table("categories") as categories:
        categories.create_unique_constraint(op.f("uq_categories_user_id_id"), ["user_id", "id"])
    for name in ("created_by", "root_category", "category"):
        op.drop_index(op.f(f"ix_tasks_{name}"), "tasks")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_column("root_category")
        tasks.drop_column("created_by")
    _rename("owner", "created_by")
    with op.batch_alter_table("tasks") as tasks:
        tasks.create_foreign_key(op.f("fk_tasks_category"), "categories", ["created_by", "category"], ["user_id", "id"])
    op.create_index(op.f("ix_tasks_category"), "tasks", ["created_by", "category"])
    op.drop_column("task_entries", "via")
    op.drop_table("category_members")


def _rename(before: str, after: str) -> None:
    """Rename the column of the owner with its foreign key, and drop the foreign key of the category.

    PostgreSQL removes what belongs to a user in the order in which the foreign keys were created, so this one is kept:
    tasks are removed before the actors of their histories are cleared.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("fk_tasks_category"), "tasks", type_="foreignkey")
        op.alter_column("tasks", before, new_column_name=after)
        op.execute(f"ALTER TABLE tasks RENAME CONSTRAINT fk_tasks_{before} TO fk_tasks_{after}")
        return
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_constraint(op.f("fk_tasks_category"), type_="foreignkey")
        tasks.drop_constraint(op.f(f"fk_tasks_{before}"), type_="foreignkey")
        tasks.alter_column(before, existing_type=sa.Uuid(), existing_nullable=False, new_column_name=after)
    with op.batch_alter_table("tasks") as tasks:
        tasks.create_foreign_key(op.f(f"fk_tasks_{after}"), "users", [after], ["id"], ondelete="CASCADE")
