"""Add `due_on` to tasks: the day on which a task is due, in the time zone of each viewer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    for table in ("tasks", "task_entries"):
        op.add_column(table, sa.Column("due_on", sa.Date(), nullable=True))
    op.drop_index("ix_task_entries_due_date", "task_entries")
    _create_index("due_on", "trashed_at IS NULL AND due_on IS NOT NULL")
    _create_index("due_date", "trashed_at IS NULL AND due_on IS NULL")


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_index("ix_task_entries_due_date", "task_entries")
    op.drop_index("ix_task_entries_due_on", "task_entries")
    for table in ("tasks", "task_entries"):
        op.drop_column(table, "due_on")
    _create_index("due_date", "trashed_at IS NULL")


def _create_index(column: str, condition: str) -> None:
    where = sa.text(condition)
    columns = ["user_id", column, "task_id"]
    op.create_index(f"ix_task_entries_{column}", "task_entries", columns, postgresql_where=where, sqlite_where=where)
