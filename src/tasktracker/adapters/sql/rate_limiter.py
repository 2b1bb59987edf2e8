"""Rate limiting in SQL: one row per bucket, one statement per attempt."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Integer, bindparam, text

from tasktracker.adapters.sql.database import Database
from tasktracker.domain.kernel.clock import MAX_CLOCK_SKEW
from tasktracker.domain.throttling.limit import TRUSTED_FOR, Bucket

# `full_at` is the time at which the bucket is full again. One upsert checks and updates this time. The database runs
# concurrent upserts of a row one after the other. For an empty bucket, the upsert changes nothing and returns no row. A
# time after `:sane` was stored by a clock that ran ahead.
_SPEND = {
    dialect: text(
        "INSERT INTO rate_limits (key, full_at) VALUES (:key, :now + :refill)"  # noqa: S608  # `latest` is a constant below
        " ON CONFLICT (key) DO UPDATE SET full_at = CASE WHEN rate_limits.full_at > :sane THEN :now + :holds"
        f" ELSE {latest}(rate_limits.full_at, :now) + :refill END"
        f" WHERE {latest}(rate_limits.full_at, :now) + :refill <= :now + :holds OR rate_limits.full_at > :sane"
        " RETURNING full_at"
    ).bindparams(*(bindparam(name, type_=BigInteger) for name in ("now", "refill", "holds", "sane")))
    for dialect, latest in {"postgresql": "GREATEST", "sqlite": "MAX"}.items()
}
_RANDOM = random.Random()  # noqa: S311  # not a secret
_FULL_AT = text("SELECT full_at FROM rate_limits WHERE key = :key")
_REFUND = text("UPDATE rate_limits SET full_at = full_at - :refill WHERE key = :key")
# Trust is stored in the same table, under separate keys, with the time at which it ends.
TRUST = "trust:"
_TRUST = text(
    "INSERT INTO rate_limits (key, full_at) VALUES (:key, :until)"
    " ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at"
).bindparams(bindparam("until", type_=BigInteger))
_CLEAR = text("DELETE FROM rate_limits WHERE key NOT LIKE :trust")
# Rows that another transaction has locked are skipped, so that no statement waits for them or deletes an updated row.
_PURGE = {
    dialect: text(
        "DELETE FROM rate_limits WHERE full_at < :now AND key IN"  # noqa: S608  # `skipping` is a constant below
        f" (SELECT key FROM rate_limits WHERE full_at < :now LIMIT :most{skipping})"
    ).bindparams(bindparam("now", type_=BigInteger), bindparam("most", type_=Integer))
    for dialect, skipping in {"postgresql": " FOR UPDATE SKIP LOCKED", "sqlite": ""}.items()
}
PURGE_EVERY = 200  # attempts, on average
MAX_PURGED = 1000  # rows per purge, more than are added between two purges

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MICROSECOND = timedelta(microseconds=1)
SKEW = MAX_CLOCK_SKEW // MICROSECOND


class SqlRateLimiter:
    """Implements RateLimiter."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def consume(self, bucket: Bucket, now: datetime) -> timedelta | None:
        at, refill = (now - EPOCH) // MICROSECOND, bucket.limit.refill // MICROSECOND
        holds = bucket.limit.length // MICROSECOND
        values = {"key": bucket.key, "now": at, "refill": refill, "holds": holds, "sane": at + holds + SKEW}
        with self._database.writing() as connection:
            dialect = connection.driver.dialect
            if _RANDOM.randrange(PURGE_EVERY) == 0:
                connection.change(_PURGE[dialect], {"now": at, "most": MAX_PURGED})
            if connection.value(_SPEND[dialect], values) is not None:
                return None
            full_at: int = connection.value(_FULL_AT, {"key": bucket.key})
        return (full_at + refill - at - holds) * MICROSECOND

    def refund(self, bucket: Bucket) -> None:
        with self._database.writing() as connection:
            connection.change(_REFUND, {"key": bucket.key, "refill": bucket.limit.refill // MICROSECOND})

    def trust(self, bucket: Bucket, now: datetime) -> None:
        until = (now + TRUSTED_FOR - EPOCH) // MICROSECOND
        with self._database.writing() as connection:
            connection.change(_TRUST, {"key": TRUST + bucket.key, "until": until})

    def is_trusted(self, bucket: Bucket, now: datetime) -> bool:
        with self._database.reading() as connection:
            until = connection.value(_FULL_AT, {"key": TRUST + bucket.key})
        return until is not None and until > (now - EPOCH) // MICROSECOND

    def clear(self) -> int:
        with self._database.writing() as connection:
            return connection.change(_CLEAR, {"trust": TRUST + "%"})
