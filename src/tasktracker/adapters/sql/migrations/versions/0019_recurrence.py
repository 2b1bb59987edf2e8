"""Add the recurrence of tasks, and the series of their occurrences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Migrate to this revision."""
    for name, type_ in (("recurrence", sa.Text()), ("series", sa.Uuid()), ("occurrence", sa.Text())):
        op.add_column("tasks", sa.Column(name, type_, nullable=True))
    where = sa.text("series IS NOT NULL")
    op.create_index("ix_tasks_series", "tasks", ["series"], postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_index("ix_tasks_series", "tasks")
    for name in ("recurrence", "series", "occurrence"):
        op.drop_column("tasks", name)
