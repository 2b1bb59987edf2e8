"""Histories in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Select, bindparam, delete, insert, select, tuple_

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.rows import Rows
from tasktracker.adapters.sql.schema import task_changes
from tasktracker.domain.history.change import Change, ChangeKey, FieldChange, Value
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.recurrence.recurrence import from_json, plain
from tasktracker.domain.tasks.task import TASK

_TYPES = {**TASK.types, "completed_at": datetime, "next": UUID, "series": UUID}


def _load_fields(text: str) -> Mapping[str, FieldChange]:
    stored: dict[str, list[Any]] = msgspec.json.decode(text)
    return {name: FieldChange(_value(name, before), _value(name, after)) for name, (before, after) in stored.items()}


def _value(name: str, stored: Any) -> Value:
    if stored is None or name not in _TYPES:
        return cast(Value, stored)
    if name == "recurrence":
        return from_json(stored)
    return cast(Value, msgspec.convert(stored, _TYPES[name]))


def _dump_fields(fields: Mapping[str, FieldChange]) -> str:
    return msgspec.json.encode(
        {name: [plain(each.before), plain(each.after)] for name, each in fields.items()}
    ).decode()


_CHANGES = Rows(Change, task_changes, load={"fields": _load_fields}, dump={"fields": _dump_fields})
_ADD = insert(task_changes)
_FIND = select(*_CHANGES.columns).where(
    task_changes.c.task_id == bindparam("task_id"), task_changes.c.id == bindparam("id")
)
_PURGE = delete(task_changes).where(
    task_changes.c.id.in_(
        select(task_changes.c.id)
        .where(task_changes.c.at < bindparam("before"))
        .order_by(task_changes.c.at, task_changes.c.version)
        .limit(bindparam("limit", type_=Integer))
    )
)


@cache
def _list(after: bool) -> Select[Any]:
    statement = select(*_CHANGES.columns).where(task_changes.c.task_id == bindparam("task_id"))
    if after:
        position = tuple_(
            bindparam("after_version", type_=Integer), bindparam("after_id", type_=task_changes.c.id.type)
        )
        statement = statement.where(tuple_(task_changes.c.version, task_changes.c.id) < position)
    newest_first = statement.order_by(task_changes.c.version.desc(), task_changes.c.id.desc())
    return newest_first.limit(bindparam("limit", type_=Integer))


class SqlHistory:
    """Implements HistoryRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *changes: Change) -> None:
        if len(changes) == 1:
            self._connection.change(_ADD, _CHANGES.row(changes[0]))
        else:
            self._connection.change_all(_ADD, [_CHANGES.row(change) for change in changes])

    def find(self, task_id: UUID, change_id: UUID) -> Change | None:
        row = self._connection.one(_FIND, {"task_id": task_id, "id": change_id})
        return None if row is None else _CHANGES.entity(row)

    def list(self, task_id: UUID, after: ChangeKey | None, limit: int) -> Page[Change, ChangeKey]:
        parameters: dict[str, Any] = {"task_id": task_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_version": after.version, "after_id": after.id}
        rows = self._connection.rows(_list(after is not None), parameters)
        return Page.cut(_CHANGES.entities(rows), limit, lambda change: change.key)

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_PURGE, {"before": before, "limit": limit})
