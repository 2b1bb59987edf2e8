"""Counts of what is in the service and of what happened in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from tasktracker.domain.accounts.quota import Quotas
from tasktracker.domain.activity.event import Kind, Outcome
from tasktracker.domain.administration.overview import count_day, overview
from tasktracker.domain.administration.statistics import DAYS, Counted, DayCounts, Maintenance, Totals
from tasktracker.domain.administration.user_service import AccountChanges
from tasktracker.domain.deliveries.delivery import Failing
from tasktracker.domain.jobs.job import Job, JobKind
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.tasks.task import State
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, SECOND, Seed
from tests.contracts.test_deliveries import new_delivery
from tests.fakes import START, SYSTEM, App
from tests.unit.base import PASSWORD

TODAY = START.date()
DAY = timedelta(days=1)
NONE = dict.fromkeys(Counted, 0)


def test_a_removed_user_is_not_counted(store: Storage, seed: Seed) -> None:
    gone = seed.user(is_admin=True)
    admin = seed.user(is_admin=True)
    seed.user(is_admin=True, is_active=False)
    seed.user()
    seed.task(admin)
    with store.writing(SYSTEM) as work:
        assert work.statistics.totals() == Totals(users=4, active=3, admins=2, tasks=1)
        work.users.find(gone.id)
        work.users.hide(gone.id, START)
    with store.reading(SYSTEM) as work:
        assert work.statistics.totals() == Totals(users=3, active=2, admins=1, tasks=1)


def test_a_task_is_counted_on_the_days_on_which_it_is_created_and_done(app: App, alice: SessionActor) -> None:
    task = app.do(alice, app.tasks.create, {"title": "task"})
    app.do(alice, app.tasks.create, {"title": "done before", "state": State.DONE})
    app.clock.advance(DAY)
    for state in (State.IN_PROGRESS, State.DONE, State.OPEN):
        app.do(alice, app.tasks.edit, task.id, {"state": state})
    app.do(alice, app.trash.delete, task.id)
    app.do(alice, app.trash.restore, task.id)
    with app.store.reading(SYSTEM) as work:
        for counted, numbers in ((Counted.TASKS_CREATED, [2, 0]), (Counted.TASKS_DONE, [1, 1])):
            days = [(START, START + DAY), (START + DAY, START + 2 * DAY)]
            assert [work.statistics.count(counted, *day) for day in days] == numbers
            assert [count_day(work, TODAY + number * DAY)[counted] for number in range(2)] == numbers


@pytest.mark.parametrize(
    ("kind", "outcome", "counted"),
    [
        (Kind.REGISTER, Outcome.SUCCESS, Counted.REGISTRATIONS),
        (Kind.REGISTER, Outcome.FAILURE, None),
        (Kind.LOGIN, Outcome.SUCCESS, Counted.LOGINS),
        (Kind.LOGIN, Outcome.FAILURE, Counted.FAILURES),
        (Kind.CONFIRM, Outcome.SUCCESS, None),
        (Kind.CONFIRM, Outcome.FAILURE, None),
    ],
)
def test_an_event_is_counted_by_its_outcome_in_its_time(
    store: Storage, seed: Seed, kind: Kind, outcome: Outcome, counted: Counted | None
) -> None:
    end = START + SECOND
    for at in (START - MOMENT, START, end - MOMENT, end):
        seed.event(None, kind=kind, outcome=outcome, at=at)
    with store.reading(SYSTEM) as work:
        counts = {each: work.statistics.count(each, START, end) for each in Counted}
    assert counts == NONE | ({counted: 2} if counted else {})


def test_the_counts_of_a_day_never_decrease(store: Storage) -> None:
    with store.writing(SYSTEM) as work:
        work.statistics.save(TODAY, NONE | {Counted.LOGINS: 3, Counted.TASKS_DONE: 1})
        work.statistics.save(TODAY, {Counted.LOGINS: 2, Counted.TASKS_DONE: 4})
        work.statistics.save(TODAY, {Counted.REGISTRATIONS: 6})
        work.statistics.save(TODAY - DAY, {Counted.FAILURES: 5})
    with store.reading(SYSTEM) as work:
        yesterday = DayCounts(TODAY - DAY, NONE | {Counted.FAILURES: 5})
        today = DayCounts(TODAY, NONE | {Counted.LOGINS: 3, Counted.TASKS_DONE: 4, Counted.REGISTRATIONS: 6})
        assert list(work.statistics.days(TODAY - DAY)) == [yesterday, today]
        assert list(work.statistics.days(TODAY)) == [today]


@pytest.mark.parametrize("by_admin", [False, True])
def test_what_an_account_did_stays_counted_after_it_is_deleted(app: App, alice: SessionActor, by_admin: bool) -> None:
    app.do(alice, app.tasks.create, {"title": "task"})
    if by_admin:
        app.account_processes.delete(SYSTEM, alice.user_id)
    else:
        app.account_removal.delete(alice, PASSWORD)
    app.jobs.run_all()
    app.housekeeping.sweep()
    with app.store.reading(SYSTEM) as work:
        [day] = work.statistics.days(TODAY)
    assert (day.counts[Counted.TASKS_CREATED], day.counts[Counted.REGISTRATIONS]) == (1, 1)


def test_the_counts_of_earlier_days_are_purged(store: Storage) -> None:
    with store.writing(SYSTEM) as work:
        for day in (TODAY - 2 * DAY, TODAY - DAY, TODAY):
            work.statistics.save(day, NONE)
        work.statistics.purge_before(TODAY - DAY)
        assert [each.day for each in work.statistics.days(TODAY - 9 * DAY)] == [TODAY - DAY, TODAY]


def test_the_last_time_of_each_maintenance_is_kept(store: Storage) -> None:
    with store.writing(SYSTEM) as work:
        for at in (START, START + SECOND):
            work.statistics.mark(Maintenance.SWEEP, at)
        work.statistics.mark(Maintenance.BACKUP, START)
    with store.reading(SYSTEM) as work:
        assert work.statistics.marks() == {Maintenance.SWEEP: START + SECOND, Maintenance.BACKUP: START}


def test_the_overview_shows_thirty_days_and_the_jobs_of_each_kind(app: App, seed: Seed) -> None:
    days = [TODAY - number * DAY for number in range(DAYS)][::-1]
    with app.store.writing(SYSTEM) as work:
        for day in (days[0] - DAY, days[0], TODAY):
            work.statistics.save(day, NONE | {Counted.LOGINS: 1})
        job = Job.of(JobKind.PURGE_TASK, seed.id(), seed.id(), START)
        work.jobs.add(job)
        work.jobs.add(replace(job, id=seed.id(), leased_until=START + SECOND))
        work.jobs.add(replace(job, id=seed.id(), leased_until=START + SECOND))
        work.statistics.mark(Maintenance.BACKUP, START)
        work.deliveries.add(replace(new_delivery(seed), problem="down"))
        found = overview(work)
        assert found.totals == work.statistics.totals()
    assert (found.marks, found.failing) == ({Maintenance.BACKUP: START}, Failing(1, START, "down"))
    assert [each.day for each in found.days] == days
    assert [each.day for each in found.days if each.counts[Counted.LOGINS]] == [days[0], TODAY]
    assert found.jobs == dict.fromkeys(JobKind, (0, 0)) | {JobKind.PURGE_TASK: (1, 2)}


def test_a_quota_is_changed_without_the_others(app: App, alice: SessionActor) -> None:
    for changes in ({"max_tasks": 3, "max_bytes": 9}, {"max_categories": 2}, {"max_bytes": None}):
        app.do(SYSTEM, app.administration.edit, alice.user_id, cast(AccountChanges, changes))
    with app.store.reading(SYSTEM) as work:
        assert work.quotas.find(alice.user_id) == Quotas(tasks=3, categories=2)
