"""Counts of the data in the service and of the events in it, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from tasktracker.adapters.memory.tables import StoredCounts, StoredMark, Transaction
from tasktracker.domain.activity.event import AuthEvent, Kind, Outcome
from tasktracker.domain.administration.statistics import Counted, DayCounts, Maintenance, Totals
from tasktracker.domain.history.change import Change
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.tasks.task import State


class MemoryStatistics:
    """Implements StatisticsRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def totals(self) -> Totals:
        data = self._transaction.data
        users = [user for user in data.users.rows() if not self._transaction.is_hidden(user.id)]
        active = [user for user in users if user.is_active]
        return Totals(len(users), len(active), sum(user.is_admin for user in active), len(data.tasks.rows()))

    def count(self, counted: Counted, begin: datetime, end: datetime) -> int:
        data = self._transaction.data
        happened = (each for table in (data.events, data.changes) for each in table.rows() if begin <= each.at < end)
        return sum(counted in _counted(each) for each in happened)

    def save(self, day: date, counts: Mapping[Counted, int]) -> None:
        new = StoredCounts(day, dict(counts))
        stored = self._transaction.data.daily_counts.get(new.id)
        if stored is not None:
            both = {each: max(stored.counts.get(each, 0), counts.get(each, 0)) for each in Counted}
            new = StoredCounts(day, both)
        self._transaction.put(self._transaction.data.daily_counts, new)

    def days(self, since: date) -> Sequence[DayCounts]:
        none = dict.fromkeys(Counted, 0)
        found = (DayCounts(each.day, none | each.counts) for each in self._transaction.data.daily_counts.rows())
        return sorted((each for each in found if each.day >= since), key=lambda each: each.day)

    def purge_before(self, day: date) -> None:
        table = self._transaction.data.daily_counts
        for each in [each for each in table.rows() if each.day < day]:
            self._transaction.drop(table, each.id)

    def mark(self, maintenance: Maintenance, at: datetime) -> None:
        self._transaction.put(self._transaction.data.marks, StoredMark(maintenance, at))

    def marks(self) -> Mapping[Maintenance, datetime]:
        return {each.maintenance: each.at for each in self._transaction.data.marks.rows()}


def _counted(happened: AuthEvent | Change) -> set[Counted]:
    """Return what an event or a change counts as."""
    if isinstance(happened, AuthEvent):
        kinds = {
            (Kind.REGISTER, Outcome.SUCCESS): Counted.REGISTRATIONS,
            (Kind.LOGIN, Outcome.SUCCESS): Counted.LOGINS,
            (Kind.LOGIN, Outcome.FAILURE): Counted.FAILURES,
        }
        counted = kinds.get((happened.kind, happened.outcome))
        return {counted} if counted else set()
    state = happened.fields.get("state")
    is_done = state is not None and state.after is State.DONE
    is_created = happened.action is Action.CREATE
    return ({Counted.TASKS_CREATED} if is_created else set()) | ({Counted.TASKS_DONE} if is_done else set())
