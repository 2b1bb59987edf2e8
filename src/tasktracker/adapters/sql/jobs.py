"""Jobs in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import jobs
from tasktracker.domain.jobs.job import LEASE, Job, JobKind


class NotNumbered(ColumnElement[int]):
    """The number of a job that is not committed: -1; 0 in SQLite, where one transaction writes at a time."""

    inherit_cache = True
    type = BigInteger()


class ThisTransaction(ColumnElement[int]):
    """The number of the open transaction; 0 in SQLite."""

    inherit_cache = True
    type = BigInteger()


class OldestTransaction(ColumnElement[int]):
    """The number of the oldest writing transaction that has not ended; 1 in SQLite."""

    inherit_cache = True
    type = BigInteger()


@compiles(NotNumbered, "postgresql")
def _not_numbered_on_postgresql(_element: NotNumbered, _compiler: SQLCompiler, **_options: object) -> str:
    return "-1"


@compiles(ThisTransaction, "postgresql")
def _this_on_postgresql(_element: ThisTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


@compiles(OldestTransaction, "postgresql")
def _oldest_on_postgresql(_element: OldestTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"


@compiles(NotNumbered, "sqlite")
@compiles(ThisTransaction, "sqlite")
def _none_on_sqlite(_element: ColumnElement[int], _compiler: SQLCompiler, **_options: object) -> str:
    return "0"


@compiles(OldestTransaction, "sqlite")
def _oldest_on_sqlite(_element: OldestTransaction, _compiler: SQLCompiler, **_options: object) -> str:
    return "1"


_JOBS = Rows(Job, jobs, fixed=("id", "kind", "subject", "user_id", "created_at"), unmapped=("added_by",))
_ADD = insert(jobs).values(
    {column.name: bindparam(column.name) for column in jobs.columns if column.name != "added_by"}
    | {"added_by": NotNumbered()}
)
# A job is numbered in a transaction that begins after its commit: all transactions that do not see the job have lower
# numbers. The number of the transaction that added it is too low: others begin between its start and its commit.
_NUMBER = update(jobs).where(jobs.c.added_by < 0).values(added_by=ThisTransaction())
_MAY_START = and_(jobs.c.added_by >= 0, jobs.c.added_by < OldestTransaction())
_NOW = bindparam("now", type_=jobs.c.leased_until.type)
_FREE = (
    select(jobs.c.id)
    .where(
        _MAY_START,
        or_(
            jobs.c.leased_until.is_(None),
            jobs.c.leased_until <= _NOW,
            jobs.c.leased_until > bindparam("until", type_=jobs.c.leased_until.type),
        ),
    )
    .order_by(jobs.c.created_at, jobs.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(jobs)
    .where(jobs.c.id == _FREE.scalar_subquery())
    .values(leased_until=bindparam("until", type_=jobs.c.leased_until.type))
    .returning(*_JOBS.columns)
)
_WAITING = select(jobs.c.id).where(jobs.c.id == bindparam("id"), ~_MAY_START)
_FIND = select(*_JOBS.columns).where(jobs.c.id == bindparam("id"))
_LIST = select(*_JOBS.columns).where(jobs.c.kind == bindparam("kind")).order_by(jobs.c.created_at, jobs.c.id)
_PENDING = select(jobs.c.id).where(jobs.c.subject == bindparam("subject")).limit(1)
_LOCK = _FIND.with_for_update()
_SAVE = update(jobs).where(jobs.c.id == bindparam("of_id"))
_REMOVE = delete(jobs).where(jobs.c.id == bindparam("id"))
_NOT_BEGUN = select(jobs.c.id).where(
    jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.position.is_(None), jobs.c.leased_until.is_(None)
)
_WITHDRAW = delete(jobs).where(jobs.c.id.in_(_NOT_BEGUN.with_for_update(skip_locked=True)))
_COUNT = select(func.count()).select_from(jobs)


class SqlJobs:
    """Implements JobRepository."""

    __slots__ = ("_connection", "has_added", "needs_number")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_added = False
        self.needs_number = connection.driver.dialect == "postgresql"

    def add(self, job: Job) -> None:
        self._connection.change(_ADD, _JOBS.row(job))
        self.has_added = True

    def number(self) -> None:
        """Store, after the commit of jobs, the number of the transaction that they wait for."""
        self._connection.change(_NUMBER, {})

    def withdraw(self, job_ids: Collection[UUID]) -> None:
        if job_ids:
            self._connection.change(_WITHDRAW, {"ids": list(job_ids)})

    def claim(self, now: datetime) -> Job | None:
        self.number()  # a process can end before it numbers its jobs
        rows = self._connection.change_returning(_CLAIM, {"now": now, "until": now + LEASE})
        return _JOBS.entity(rows[0]) if rows else None

    def can_start(self, job_id: UUID) -> bool:
        return self._connection.one(_WAITING, {"id": job_id}) is None

    def find(self, job_id: UUID) -> Job | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": job_id})
        return None if row is None else _JOBS.entity(row)

    def list(self, kind: JobKind) -> Sequence[Job]:
        return _JOBS.entities(self._connection.rows(_LIST, {"kind": kind.value}))

    def is_pending(self, subject: UUID) -> bool:
        return self._connection.one(_PENDING, {"subject": subject}) is not None

    def save(self, job: Job) -> None:
        self._connection.change(_SAVE, _JOBS.changes(job) | {"of_id": job.id})

    def remove(self, job_id: UUID) -> None:
        self._connection.change(_REMOVE, {"id": job_id})

    def count(self) -> int:
        return int(self._connection.value(_COUNT))
