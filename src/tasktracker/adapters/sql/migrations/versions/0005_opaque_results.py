"""Results under idempotency keys become opaque bytes; `told_at` of feed entries is renamed to `recorded_at`."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

PUSHED = "sync "  # prefix of the keys of pushed mutations, whose result is only the version

KEYS = sa.table(
    "idempotency_keys",
    *(
        sa.column(name)
        for name in ("user_id", "key", "fingerprint", "status", "body", "etag", "location", "result", "created_at")
    ),
)


def upgrade() -> None:
    """Migrate to this revision."""
    with op.batch_alter_table("idempotency_keys") as keys:
        keys.add_column(sa.Column("result", sa.LargeBinary(), nullable=True))
    for row in _rows("status", "body", "etag", "location"):
        answer = [row["status"], row["etag"], row["location"], row["body"]]
        result = row["body"] if row["key"].startswith(PUSHED) else msgspec.msgpack.encode(answer)
        _update(row, result=result)
    with op.batch_alter_table("idempotency_keys") as keys:
        for name in ("status", "body", "etag", "location"):
            keys.drop_column(name)
    op.execute("ALTER TABLE feed_items RENAME COLUMN told_at TO recorded_at")


def downgrade() -> None:
    """Migrate back to the revision before."""
    op.execute("ALTER TABLE feed_items RENAME COLUMN recorded_at TO told_at")
    with op.batch_alter_table("idempotency_keys") as keys:
        keys.add_column(sa.Column("status", sa.SmallInteger(), nullable=True))
        keys.add_column(sa.Column("body", sa.LargeBinary(), nullable=True))
        keys.add_column(sa.Column("etag", sa.Text(), nullable=True))
        keys.add_column(sa.Column("location", sa.Text(), nullable=True))
    for row in _rows("result"):
        pushed = row["key"].startswith(PUSHED)
        status, etag, location, body = (
            (200, None, None, row["result"]) if pushed else msgspec.msgpack.decode(row["result"])
        )
        _update(row, status=status, etag=etag, location=location, body=body)
    with op.batch_alter_table("idempotency_keys") as keys:
        keys.drop_column("result")


def _rows(*names: str) -> list[sa.RowMapping]:
    """Return the stored results. A key without a fingerprint belongs to a request in progress."""
    columns = [KEYS.c[name] for name in ("user_id", "key", *names)]
    kept = sa.select(*columns).where(KEYS.c.fingerprint.is_not(None))
    return list(op.get_bind().execute(kept).mappings())


def _update(row: sa.RowMapping, **values: object) -> None:
    this = sa.and_(KEYS.c.user_id == row["user_id"], KEYS.c.key == row["key"])
    op.get_bind().execute(KEYS.update().where(this).values(**values))
