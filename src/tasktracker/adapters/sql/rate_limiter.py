"""Rate limiting in SQL: one row a bucket, one statement a try."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Integer, bindparam, text

from tasktracker.adapters.sql.database import Database
from tasktracker.domain.throttling.limit import Bucket

# `full_at` is when the bucket will be full again. An upsert decides and takes at once: of concurrent tries, the
# database lets one after another see the row. Where it takes nothing, it returns nothing.
_SPEND = {
    dialect: text(
        "INSERT INTO rate_limits (key, full_at) VALUES (:key, :now + :refill)"  # noqa: S608  # `latest` is written below
        f" ON CONFLICT (key) DO UPDATE SET full_at = {latest}(rate_limits.full_at, :now) + :refill"
        f" WHERE {latest}(rate_limits.full_at, :now) + :refill <= :now + :holds"
        " RETURNING full_at"
    ).bindparams(*(bindparam(name, type_=BigInteger) for name in ("now", "refill", "holds")))
    for dialect, latest in {"postgresql": "GREATEST", "sqlite": "MAX"}.items()
}
_FULL_AT = text("SELECT full_at FROM rate_limits WHERE key = :key")
_REFUND = text("UPDATE rate_limits SET full_at = full_at - :refill WHERE key = :key")
# Rows that another transaction has locked are skipped: neither waited for, nor deleted after they were spent from.
_FORGET = {
    dialect: text(
        "DELETE FROM rate_limits WHERE full_at < :now AND key IN"  # noqa: S608  # `skipping` is written below
        f" (SELECT key FROM rate_limits WHERE full_at < :now LIMIT :most{skipping})"
    ).bindparams(bindparam("now", type_=BigInteger), bindparam("most", type_=Integer))
    for dialect, skipping in {"postgresql": " FOR UPDATE SKIP LOCKED", "sqlite": ""}.items()
}
FORGET_EVERY = 200  # tries, on average
MAX_FORGET = 1000  # rows at a time: more than are added meanwhile

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)


class SqlRateLimiter:
    """Implements RateLimiter."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, bucket: Bucket, now: datetime) -> timedelta | None:
        at, refill = (now - EPOCH) // MICROSECOND, bucket.limit.refill // MICROSECOND
        holds = bucket.limit.burst * refill
        with self._database.writing() as connection:
            dialect = connection.driver.dialect
            if random.randrange(FORGET_EVERY) == 0:  # noqa: S311  # nothing secret about it
                connection.change(_FORGET[dialect], {"now": at, "most": MAX_FORGET})
            taken = connection.value(_SPEND[dialect], {"key": bucket.key, "now": at, "refill": refill, "holds": holds})
            if taken is not None:
                return None
            full_at: int = connection.value(_FULL_AT, {"key": bucket.key})
        return (full_at + refill - at - holds) * MICROSECOND

    def refund(self, bucket: Bucket) -> None:
        with self._database.writing() as connection:
            connection.change(_REFUND, {"key": bucket.key, "refill": bucket.limit.refill // MICROSECOND})
