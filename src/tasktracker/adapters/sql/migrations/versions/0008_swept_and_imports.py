"""Feeds get a mark of purged deletions, stored results the time until which they are kept; tables of import jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")

# Times in SQLite are text of this form.
SHIFTED = {
    "postgresql": "expires_at {sign} interval '30 days'",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000+00:00', expires_at, '{sign}30 days')",
}


def upgrade() -> None:
    """Migrate to this revision."""
    op.add_column("feeds", sa.Column("swept", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    # What was purged before is unknown. Devices that are not up to date fetch the full state once.
    op.execute("UPDATE feeds SET swept = head")
    _rename("created_at", "expires_at")
    _shift("+")
    op.create_table(
        "import_jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("read", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("report", sa.LargeBinary(), nullable=True),
        sa.Column("problem", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_jobs")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_import_jobs_user_id"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_import_jobs_list"), "import_jobs", ["user_id", "created_at", "id"])
    op.create_index(op.f("ix_import_jobs_created_at"), "import_jobs", ["created_at"])
    op.create_table(
        "import_lines",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("file", sa.Text(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(20), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("item", sa.Uuid(), nullable=True),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("notices", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "position", name=op.f("pk_import_lines")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["import_jobs.id"], name=op.f("fk_import_lines_job_id"), ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.drop_table("import_lines")
    op.drop_table("import_jobs")
    _shift("-")
    _rename("expires_at", "created_at")
    op.drop_column("feeds", "swept")


def _rename(before: str, after: str) -> None:
    op.drop_index(f"ix_idempotency_keys_{before}", "idempotency_keys")
    op.execute(f"ALTER TABLE idempotency_keys RENAME COLUMN {before} TO {after}")
    op.create_index(f"ix_idempotency_keys_{after}", "idempotency_keys", [after])


def _shift(sign: str) -> None:
    """Add the default retention: how long the stored results were promised is unknown, too."""
    shifted = SHIFTED[op.get_bind().dialect.name].format(sign=sign)
    op.execute(f"UPDATE idempotency_keys SET expires_at = {shifted}")  # noqa: S608  # constants
