"""Histories in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import Integer, Select, bindparam, delete, insert, select, tuple_

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import task_changes
from tasktracker.domain.history.change import FIELD_TYPES, Action, Change, ChangeKey, FieldChange, Value
from tasktracker.domain.kernel.paging import Page

_COLUMNS = (
    task_changes.c.id,
    task_changes.c.task_id,
    task_changes.c.at,
    task_changes.c.action,
    task_changes.c.version,
    task_changes.c.actor,
    task_changes.c.session_id,
    task_changes.c.token_id,
    task_changes.c.fields,
)
ADD_CHANGE = insert(task_changes)
_FIND = select(*_COLUMNS).where(task_changes.c.task_id == bindparam("task_id"), task_changes.c.id == bindparam("id"))
_FORGET = delete(task_changes).where(
    task_changes.c.id.in_(
        select(task_changes.c.id)
        .where(task_changes.c.at < bindparam("before"))
        .order_by(task_changes.c.at, task_changes.c.version)
        .limit(bindparam("limit", type_=Integer))
    )
)


@cache
def _list(after: bool) -> Select[Any]:
    statement = select(*_COLUMNS).where(task_changes.c.task_id == bindparam("task_id"))
    if after:
        place = tuple_(bindparam("after_version", type_=Integer), bindparam("after_id", type_=task_changes.c.id.type))
        statement = statement.where(tuple_(task_changes.c.version, task_changes.c.id) < place)
    newest_first = statement.order_by(task_changes.c.version.desc(), task_changes.c.id.desc())
    return newest_first.limit(bindparam("limit", type_=Integer))


def _change(row: Sequence[Any]) -> Change:
    id_, task_id, at, action, version, actor, session_id, token_id, fields = row
    return Change(
        id=id_,
        task_id=task_id,
        at=at,
        action=Action(action),
        version=version,
        actor=actor,
        session_id=session_id,
        token_id=token_id,
        fields=_fields(fields),
    )


def _fields(text: str) -> Mapping[str, FieldChange]:
    stored: dict[str, list[Any]] = msgspec.json.decode(text)
    return {name: FieldChange(_value(name, before), _value(name, after)) for name, (before, after) in stored.items()}


def _value(name: str, stored: Any) -> Value:
    if stored is None or name not in FIELD_TYPES:
        return cast(Value, stored)
    return cast(Value, msgspec.convert(stored, FIELD_TYPES[name]))


def change_row(change: Change) -> dict[str, Any]:
    """Return what is stored of a change."""
    fields = {name: [each.before, each.after] for name, each in change.fields.items()}
    return {
        "id": change.id,
        "task_id": change.task_id,
        "at": change.at,
        "action": change.action.value,
        "version": change.version,
        "actor": change.actor,
        "session_id": change.session_id,
        "token_id": change.token_id,
        "fields": msgspec.json.encode(fields).decode(),
    }


class SqlHistory:
    """Implements HistoryRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, *changes: Change) -> None:
        if len(changes) == 1:
            self._connection.change(ADD_CHANGE, change_row(changes[0]))
        else:
            self._connection.change_all(ADD_CHANGE, [change_row(change) for change in changes])

    def find(self, task_id: UUID, change_id: UUID) -> Change | None:
        row = self._connection.one(_FIND, {"task_id": task_id, "id": change_id})
        return None if row is None else _change(row)

    def list(self, task_id: UUID, after: ChangeKey | None, limit: int) -> Page[Change, ChangeKey]:
        parameters: dict[str, Any] = {"task_id": task_id, "limit": limit + 1}
        if after is not None:
            parameters |= {"after_version": after.version, "after_id": after.id}
        rows = self._connection.rows(_list(after is not None), parameters)
        return Page.cut([_change(row) for row in rows], limit, lambda change: change.key)

    def purge_before(self, before: datetime, limit: int) -> int:
        return self._connection.change(_FORGET, {"before": before, "limit": limit})
