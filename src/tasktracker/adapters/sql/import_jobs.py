"""Import jobs in SQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import BindParameter, Integer, Select, bindparam, delete, insert, select, tuple_, update

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import import_jobs as jobs
from tasktracker.adapters.sql.schema import import_lines
from tasktracker.domain.kernel.errors import FieldError
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.portability.import_job import ImportedLine, ImportJob, JobKey, LineOutcome


def _load(text: str) -> tuple[FieldError, ...]:
    return tuple(FieldError(field, message) for field, message in msgspec.json.decode(text))


def _dump(errors: Sequence[FieldError]) -> str:
    return msgspec.json.encode([(each.field, each.message) for each in errors]).decode()


_JOBS = Rows(ImportJob, jobs, fixed=("id", "user_id", "dry_run", "size", "created_at"))
_LINES = Rows(
    ImportedLine,
    import_lines,
    load={"errors": _load, "notices": _load},
    dump={"errors": _dump, "notices": _dump},
    unmapped=("job_id",),
)
_ADD = insert(jobs)
_FIND = select(*_JOBS.columns).where(jobs.c.id == bindparam("id"))
_LOCK = _FIND.with_for_update()
_SAVE = update(jobs).where(jobs.c.id == bindparam("of_id"))
_ADD_LINES = insert(import_lines)
_LIMIT = bindparam("limit", type_=Integer)
_EXPIRED = select(jobs.c.id).where(jobs.c.created_at < bindparam("before")).order_by(jobs.c.created_at).limit(_LIMIT)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_PURGE_LINES = delete(import_lines).where(
    tuple_(import_lines.c.job_id, import_lines.c.position).in_(
        select(import_lines.c.job_id, import_lines.c.position).where(import_lines.c.job_id.in_(_IDS)).limit(_LIMIT)
    )
)
_PURGE = delete(jobs).where(jobs.c.id.in_(_IDS))


@cache
def _list(after: bool) -> Select[Any]:
    statement = select(*_JOBS.columns).where(jobs.c.user_id == bindparam("user_id"))
    if after:
        position = tuple_(
            bindparam("after_at", type_=jobs.c.created_at.type), bindparam("after_id", type_=jobs.c.id.type)
        )
        statement = statement.where(tuple_(jobs.c.created_at, jobs.c.id) < position)
    return statement.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(_LIMIT)


@cache
def _lines(by_outcome: bool) -> Select[Any]:
    line = import_lines.c
    statement = select(*_LINES.columns).where(line.job_id == bindparam("job_id"), line.position > bindparam("after"))
    if by_outcome:
        statement = statement.where(line.outcome == bindparam("outcome"))
    return statement.order_by(line.position).limit(_LIMIT)


class SqlImportJobs:
    """Implements ImportJobRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, job: ImportJob) -> None:
        self._connection.change(_ADD, _JOBS.row(job))

    def find(self, job_id: UUID) -> ImportJob | None:
        row = self._connection.one(_LOCK if self._connection.is_writing else _FIND, {"id": job_id})
        return None if row is None else _JOBS.entity(row)

    def save(self, job: ImportJob) -> None:
        self._connection.change(_SAVE, _JOBS.changes(job) | {"of_id": job.id})

    def list(self, user_id: UUID, after: JobKey | None, limit: int) -> Page[ImportJob, JobKey]:
        parameters: dict[str, Any] = {"user_id": user_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_at": after.created_at, "after_id": after.id}
        rows = self._connection.rows(_list(after is not None), parameters)
        return Page.cut(_JOBS.entities(rows), limit, lambda job: job.key)

    def add_lines(self, job_id: UUID, lines: Sequence[ImportedLine]) -> None:
        self._connection.change_all(_ADD_LINES, [_LINES.row(line) | {"job_id": job_id} for line in lines])

    def lines(
        self, job_id: UUID, outcome: LineOutcome | None, after: int | None, limit: int
    ) -> Page[ImportedLine, int]:
        parameters: dict[str, Any] = {"job_id": job_id, "after": after or 0, "limit": limit + 1}
        if outcome is not None:
            parameters["outcome"] = outcome.value
        rows = self._connection.rows(_lines(outcome is not None), parameters)
        return Page.cut(_LINES.entities(rows), limit, lambda line: line.position)

    def expired(self, before: datetime, limit: int) -> Sequence[UUID]:
        return [job_id for (job_id,) in self._connection.rows(_EXPIRED, {"before": before, "limit": limit})]

    def purge(self, job_ids: Collection[UUID], limit: int) -> int:
        ids = list(job_ids)[:limit]
        if not ids:
            return 0
        return self._connection.change(_PURGE_LINES, {"ids": ids, "limit": limit}) or self._connection.change(
            _PURGE, {"ids": ids}
        )
