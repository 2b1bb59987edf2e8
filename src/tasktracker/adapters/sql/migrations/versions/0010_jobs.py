"""A table of jobs; users and categories are marked while a job removes what belongs to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tasktracker.domain.kernel.errors import StorageUnavailable

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(32), "sqlite")


def upgrade() -> None:
    """Migrate to this revision."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Uuid(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("added_by", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.add_column("users", sa.Column("removed_at", MOMENT, nullable=True))
    op.add_column("categories", sa.Column("removed_at", MOMENT, nullable=True))


def downgrade() -> None:
    """Migrate back to the revision before. Raises StorageUnavailable if jobs are not finished: it knows of none."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM jobs")):
        raise StorageUnavailable(
            "The schema cannot be migrated.", reason="Some jobs are not finished. Run a server until they are."
        )
    op.drop_column("categories", "removed_at")
    op.drop_column("users", "removed_at")
    op.drop_table("jobs")
