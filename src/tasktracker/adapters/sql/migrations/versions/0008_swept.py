"""Feeds get a mark of purged deletions; results under idempotency keys get the time until which they are stored."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

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


def downgrade() -> None:
    """Migrate back to the revision before."""
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
