"""Sharing, the trash, histories, subtasks, search and idempotency keys; one list entry per viewer of a task."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BATCH = 1000

ENTRY_INDEXES = {
    "created_at": (["created_at"], "trashed_at IS NULL"),
    "updated_at": (["updated_at"], "trashed_at IS NULL"),
    "due_date": (["due_date"], "trashed_at IS NULL"),
    "priority": (["priority"], "trashed_at IS NULL"),
    "title": (["title_key"], "trashed_at IS NULL"),
    "state": (["state", "created_at"], "trashed_at IS NULL"),
    "category": (["category", "created_at"], "trashed_at IS NULL"),
    "parent": (["parent", "created_at"], "trashed_at IS NULL"),
    "trash": (["trashed_at"], "trashed_at IS NOT NULL"),
}


def upgrade() -> None:
    """Migrate to this revision."""
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_index("ix_tasks_list")
        tasks.drop_index("ix_tasks_category")
        tasks.add_column(sa.Column("search", sa.Text(), nullable=True))
        tasks.add_column(sa.Column("parent", sa.Uuid(), nullable=True))
        tasks.add_column(sa.Column("root", sa.Uuid(), nullable=True))
        tasks.add_column(sa.Column("members", sa.Text(), nullable=False, server_default=""))
        tasks.add_column(sa.Column("trashed_at", MOMENT, nullable=True))
        tasks.add_column(sa.Column("trashed_with", sa.Uuid(), nullable=True))
    op.create_table(
        "task_entries",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("title_key", KEY, nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("due_date", MOMENT, nullable=True),
        sa.Column("category", sa.Uuid(), nullable=True),
        sa.Column("parent", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("trashed_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("task_id", "user_id", name=op.f("pk_task_entries")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_entries_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_task_entries_user_id"), ondelete="CASCADE"),
    )
    _fill()
    with op.batch_alter_table("tasks") as tasks:
        tasks.alter_column("search", existing_type=sa.Text(), nullable=False)
        tasks.alter_column("root", existing_type=sa.Uuid(), nullable=False)
        tasks.alter_column("members", existing_type=sa.Text(), existing_nullable=False, server_default=None)
        tasks.create_foreign_key(op.f("fk_tasks_parent"), "tasks", ["parent"], ["id"])
    op.create_index(op.f("ix_tasks_category"), "tasks", ["created_by", "category"])
    op.create_index(op.f("ix_tasks_root"), "tasks", ["root", "id"])
    op.create_index(op.f("ix_tasks_parent"), "tasks", ["parent"])
    op.create_index(op.f("ix_tasks_trashed_at"), "tasks", ["trashed_at", "id"])
    for name, (columns, where) in ENTRY_INDEXES.items():
        op.create_index(
            op.f(f"ix_task_entries_{name}"),
            "task_entries",
            ["user_id", *columns, "task_id"],
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )
    op.create_table(
        "task_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("token_id", sa.Uuid(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_changes")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_changes_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["actor"], ["users.id"], name=op.f("fk_task_changes_actor"), ondelete="SET NULL"),
    )
    op.create_index(op.f("ix_task_changes_list"), "task_changes", ["task_id", "version", "id"])
    op.create_index(op.f("ix_task_changes_actor"), "task_changes", ["actor"])
    op.create_index(op.f("ix_task_changes_at"), "task_changes", ["at"])
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id"), ondelete="CASCADE"
        ),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"])


def downgrade() -> None:
    """Migrate back to the revision before. Tasks in the trash become normal tasks again."""
    for table in ("idempotency_keys", "task_changes", "task_entries"):
        op.drop_table(table)
    for index in ("root", "parent", "trashed_at", "category"):
        op.drop_index(op.f(f"ix_tasks_{index}"), "tasks")
    with op.batch_alter_table("tasks") as tasks:
        tasks.drop_constraint(op.f("fk_tasks_parent"), type_="foreignkey")
        for column in ("trashed_with", "trashed_at", "members", "root", "parent", "search"):
            tasks.drop_column(column)
    op.create_index(op.f("ix_tasks_list"), "tasks", ["created_by", "created_at", "id"])
    op.create_index(op.f("ix_tasks_category"), "tasks", ["created_by", "category", "created_at", "id"])


def _fill() -> None:
    """Add the entry and the search text of every task, in Python because SQL cannot fold text."""
    connection = op.get_bind()
    same = ("priority", "state", "due_date", "category", "created_at", "updated_at")
    columns: list[sa.ColumnClause[object]] = [
        sa.column(name) for name in ("id", "title", "description", "created_by", *same)
    ]
    tasks = sa.table("tasks", *columns, sa.column("search"), sa.column("root"))
    entries = sa.table(
        "task_entries", *(sa.column(name) for name in ("task_id", "user_id", "role", "title_key", *same))
    )
    fill = (
        tasks.update().where(tasks.c.id == sa.bindparam("of_id")).values(root=tasks.c.id, search=sa.bindparam("text"))
    )
    last = None
    while True:
        batch = sa.select(*columns).order_by(tasks.c.id).limit(BATCH)
        rows = connection.execute(batch if last is None else batch.where(tasks.c.id > last)).mappings().all()
        if not rows:
            return
        last = rows[-1]["id"]
        connection.execute(
            fill,
            [{"of_id": row["id"], "text": f"{_folded(row['title'])}\n{_folded(row['description'])}"} for row in rows],
        )
        connection.execute(
            entries.insert(),
            [
                {
                    "task_id": row["id"],
                    "user_id": row["created_by"],
                    "role": "owner",
                    "title_key": _folded(row["title"]),
                }
                | {name: row[name] for name in same}
                for row in rows
            ],
        )


def _folded(text: str) -> str:
    nfc: Callable[[str], str] = lambda value: unicodedata.normalize("NFC", value)  # noqa: E731
    return nfc(nfc(text).casefold())
