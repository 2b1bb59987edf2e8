"""Counts of the data in the service and of the events in it, in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, and_, bindparam, case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.schema import auth_events, daily_counts, feeds, maintenance, task_changes, users
from tasktracker.domain.activity.event import Kind, Outcome
from tasktracker.domain.administration.statistics import Counted, DayCounts, Maintenance, Totals
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.tasks.task import State

_USERS = select(
    func.count(),
    func.count(case((users.c.is_active, 1))),
    func.count(case((and_(users.c.is_active, users.c.is_admin), 1))),
).where(users.c.removed_at.is_(None))
_TASKS = select(func.coalesce(func.sum(feeds.c.tasks), 0))


def _number(table: Table, at: Column[datetime], *conditions: ColumnElement[bool]) -> Select[Any]:
    return select(func.count()).select_from(table).where(at >= bindparam("begin"), at < bindparam("end_"), *conditions)


def _events(kind: Kind, outcome: Outcome) -> Select[Any]:
    event = auth_events.c
    return _number(auth_events, event.at, event.kind == kind.value, event.outcome == outcome.value)


# The text in which the history stores a change to this state. In other texts there, quotation marks have a backslash.
_DONE = or_(
    *(
        task_changes.c.fields.contains(f'"state":[{json.dumps(before)},"{State.DONE.value}"]', autoescape=True)
        for before in (None, *(each.value for each in State))
    )
)
_COUNTED: Mapping[Counted, Select[Any]] = {
    Counted.REGISTRATIONS: _events(Kind.REGISTER, Outcome.SUCCESS),
    Counted.LOGINS: _events(Kind.LOGIN, Outcome.SUCCESS),
    Counted.FAILURES: _events(Kind.LOGIN, Outcome.FAILURE),
    Counted.TASKS_CREATED: _number(task_changes, task_changes.c.at, task_changes.c.action == Action.CREATE.value),
    Counted.TASKS_DONE: _number(task_changes, task_changes.c.at, _DONE),
}
_COUNT = daily_counts.c["count"]
_saved = insert(daily_counts)
_SAVE = _saved.on_conflict_do_update(
    index_elements=["day", "kind"],
    set_={"count": case((_saved.excluded["count"] < _COUNT, _COUNT), else_=_saved.excluded["count"])},
)
_DAYS = (
    select(daily_counts.c.day, daily_counts.c.kind, _COUNT)
    .where(daily_counts.c.day >= bindparam("since"))
    .order_by(daily_counts.c.day)
)
_PURGE = delete(daily_counts).where(daily_counts.c.day < bindparam("day"))
_marked = insert(maintenance)
_MARK = _marked.on_conflict_do_update(index_elements=["name"], set_={"done_at": _marked.excluded.done_at})
_MARKS = select(maintenance.c.name, maintenance.c.done_at)


class SqlStatistics:
    """Implements StatisticsRepository."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def totals(self) -> Totals:
        ((all_, active, admins),) = self._connection.rows(_USERS)
        return Totals(all_, active, admins, int(self._connection.value(_TASKS)))

    def count(self, counted: Counted, begin: datetime, end: datetime) -> int:
        return int(self._connection.value(_COUNTED[counted], {"begin": begin, "end_": end}))

    def save(self, day: date, counts: Mapping[Counted, int]) -> None:
        rows = [{"day": day, "kind": kind.value, "count": count} for kind, count in counts.items()]
        self._connection.change_all(_SAVE, rows)

    def days(self, since: date) -> Sequence[DayCounts]:
        rows = self._connection.rows(_DAYS, {"since": since})
        none = dict.fromkeys(Counted, 0)
        return [
            DayCounts(day, none | {Counted(kind): count for _, kind, count in of_day})
            for day, of_day in groupby(rows, key=lambda row: row[0])
        ]

    def purge_before(self, day: date) -> None:
        self._connection.change(_PURGE, {"day": day})

    def mark(self, maintenance: Maintenance, at: datetime) -> None:
        self._connection.change(_MARK, {"name": maintenance.value, "done_at": at})

    def marks(self) -> Mapping[Maintenance, datetime]:
        return {Maintenance(name): done_at for name, done_at in self._connection.rows(_MARKS)}
