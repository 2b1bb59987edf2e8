"""Reminders: they follow their tasks, and fire once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.feed.entries import Op
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import (
    IdTaken,
    InvalidInput,
    ReminderNotFound,
    TaskNotFound,
    TooManyReminders,
)
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.notifications.notification import Notification, NotificationKind
from tasktracker.domain.notifications.preferences import Preferences
from tasktracker.domain.portability.export_service import ExportService
from tasktracker.domain.portability.import_service import FileFormat
from tasktracker.domain.recurrence.recurrence import Recurrence
from tasktracker.domain.reminders.firing import Fired
from tasktracker.domain.reminders.reminder import MAX_REMINDERS, LocalHour, Reminder, ReminderFields, duration
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, Seed, race
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, fields_of, register

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = START + 2 * DAY
VIENNA, NEW_YORK = "Europe/Vienna", "America/New_York"


@dataclass
class World:
    """A user, a task, and what happens to them."""

    app: App
    clock: ManualClock
    alice: SessionActor

    def task(self, **fields: Any) -> Task:
        return self.app.do(self.alice, self.app.tasks.create, cast(TaskFields, {"title": "Pay", **fields}))

    def edit(self, task: Task, **fields: Any) -> Task:
        return self.app.do(self.alice, self.app.tasks.edit, task.id, cast(TaskFields, fields))

    def remind(self, task: Task, actor: SessionActor | None = None, **fields: Any) -> Reminder:
        fields = cast(Any, fields)
        return self.app.do(actor or self.alice, self.app.reminders.create, task.id, cast(ReminderFields, fields))

    def reminders(self, task: Task, actor: SessionActor | None = None) -> Sequence[Reminder]:
        actor = actor or self.alice
        with self.app.store.reading(SYSTEM) as work:
            found = work.reminders.list(actor.user_id, task.id)
            feed = work.feed.page(actor.user_id, 0, 200, [ItemType.REMINDER])
        entries = {each.entry.id: each.entry.version for each in feed}
        assert all(entries[each.id] == each.version for each in found), "each change is in the feed"
        return found

    def moments(self, task: Task, actor: SessionActor | None = None) -> list[datetime | None]:
        return [each.fires_at for each in self.reminders(task, actor)]

    def fire(self, at: datetime | None = None) -> int:
        if at is not None:
            self.clock.set(at)
        return self.app.firing.run_all()

    def notifications(self, actor: SessionActor | None = None) -> list[Notification]:
        page = self.app.see(actor or self.alice, self.app.notifications.list, None, None, 200)
        return [each for each in page.items if each.kind is NotificationKind.REMINDER]

    def zone(self, time_zone: str, actor: SessionActor | None = None) -> None:
        self.app.accounts.edit(actor or self.alice, {"time_zone": time_zone}, PASSWORD)

    def share(self, task: Task, username: str, role: Role = Role.VIEWER) -> None:
        self.app.do(self.alice, self.app.sharing.share, task.id, username, role)

    def feed(self, actor: SessionActor, type_: ItemType = ItemType.REMINDER) -> list[tuple[UUID, Op]]:
        with self.app.store.reading(SYSTEM) as work:
            page = work.feed.page(actor.user_id, 0, 200, [type_])
        return [(each.entry.id, each.entry.op) for each in page]


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock, SessionPolicy(idle=1000 * DAY, absolute=1000 * DAY))


@pytest.fixture
def world(app: App, clock: ManualClock, alice: SessionActor) -> World:
    return World(app, clock, alice)


# ------------------------------------------------------------------ the repository


def test_the_repository_finds_reminders_by_their_user_task_category_and_moment(store: Storage, seed: Seed) -> None:
    alice, bob, carol = seed.user(time_zone=VIENNA), seed.user(), seed.user()
    home, other = seed.category(alice), seed.category(alice)
    members = tuple(sorted(Member(each.id, Role.VIEWER) for each in (bob, carol)))
    filed = seed.task(alice, category=home.id, members=members, due_on=START.date())
    below = seed.task(alice, parent=filed.id, root=filed.id, root_category=home.id, members=members, due_date=DUE)
    elsewhere = seed.task(alice, category=other.id, members=members, due_on=START.date())
    made: list[Reminder] = []
    for number, (user, task, fields) in enumerate(
        (
            (alice, filed, {"before": "PT1H", "created_at": START + MOMENT, "fires_at": DUE + MOMENT}),
            (alice, filed, {"before": "PT2H", "created_at": START, "fires_at": DUE}),
            (alice, filed, {"at": DUE, "created_at": START, "fires_at": DUE}),
            (alice, below, {"before": "PT1H", "created_at": START}),
            (bob, filed, {"before": "PT1H", "created_at": START, "fires_at": DUE - MOMENT}),
            (bob, elsewhere, {"before": "PT1H", "created_at": START}),
            (carol, below, {"at": DUE, "created_at": START, "fired_for": "then"}),
        )
    ):
        made.append(Reminder(id=UUID(int=number + 1), task=task.id, user_id=user.id, **cast(Any, fields)))
    late, early, fixed, lower, of_bob, outside, of_carol = made
    with store.writing(SYSTEM) as work:
        assert work.reminders.next_moment() is None
        for each in reversed(made):
            work.reminders.add(each)
        work.notifications.save_preferences(Preferences(user_id=bob.id, reminder_hour=4))
    for mode in (store.reading, store.writing):
        with mode(SYSTEM) as work:
            found = work.reminders
            assert [found.find(each.user_id, each.id) for each in made] == made
            assert found.find(bob.id, late.id) is None
            assert list(found.list(alice.id, filed.id)) == [early, fixed, late]
            assert list(found.list(alice.id, below.id, filed.id)) == [early, fixed, lower, late]
            assert list(found.list(carol.id, filed.id)) == list(found.list(carol.id)) == []
            assert list(found.of_task(filed.id)) == [late, early, fixed, of_bob]
            assert [each for each, _ in found.of_days(alice.id)] == [late, early]
            assert [task.id for _, task in found.of_days(alice.id)] == [filed.id] * 2
            in_home = found.in_category(home.id, [alice.id, carol.id])
            assert [(each, task.id) for each, task in in_home] == [
                *((each, filed.id) for each in (late, early, fixed)),
                *((each, below.id) for each in (lower, of_carol)),
            ]
            assert found.in_category(other.id, [alice.id, carol.id]) == found.in_category(home.id, []) == []
            assert [each for each, _ in found.in_category(other.id, [bob.id])] == [outside]
            assert found.hours([alice.id, bob.id, seed.id()]) == {
                alice.id: LocalHour(VIENNA),
                bob.id: LocalHour(hour=4),
            }
            assert found.next_moment() == DUE - MOMENT
    with store.writing(SYSTEM) as work:
        assert list(work.reminders.claim_due(DUE - 2 * MOMENT, 9)) == []
        assert list(work.reminders.claim_due(DUE, 9)) == [of_bob, early, fixed]
        assert list(work.reminders.claim_due(DUE + MOMENT, 9)) == [of_bob, early, fixed, late]
        assert list(work.reminders.claim_due(DUE + MOMENT, 2)) == [of_bob, early]
        fired = replace(early, task=elsewhere.id, fires_at=None, fired_for="then", version=2)
        work.reminders.save(fired)
        work.reminders.remove(fixed.id)
        assert list(work.reminders.of_task(elsewhere.id)) == [fired, outside]
        assert list(work.reminders.of_task(filed.id)) == [late, of_bob]


# ------------------------------------------------------------------ create, delete


def test_a_reminder_is_the_users_own(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    made = world.remind(task, before="PT30M")
    assert made.fires_at == DUE - HOUR / 2
    assert world.reminders(task) == [made]
    assert world.reminders(task, bob) == []
    with pytest.raises(ReminderNotFound):
        world.app.do(bob, world.app.reminders.delete, made.id)
    assert world.feed(world.alice) == [(made.id, Op.UPSERT)]
    assert world.feed(bob) == []


def test_a_removed_reminder_does_not_fire(world: World) -> None:
    task = world.task(due_date=DUE)
    made = world.remind(task, at=START + HOUR)
    world.app.do(world.alice, world.app.reminders.delete, made.id, task.id)
    assert world.reminders(task) == []
    assert world.fire(DUE) == 0
    assert world.feed(world.alice) == [(made.id, Op.DELETE)]
    with pytest.raises(ReminderNotFound):
        world.app.do(world.alice, world.app.reminders.delete, made.id, task.id)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, "at"),
        ({"at": None}, "at"),
        ({"at": START + HOUR, "before": "PT1H"}, "at"),
        ({"at": START}, "at"),
        ({"at": (START + HOUR).replace(tzinfo=None)}, "at"),
        ({"before": "P"}, "before"),
        ({"before": "PT"}, "before"),
        ({"before": "P1DT"}, "before"),
        ({"before": "-PT1H"}, "before"),
        ({"before": "P1W"}, "before"),
        ({"before": "PT30S"}, "before"),
        ({"before": "P366DT1M"}, "before"),
        ({"before": "PT٣M"}, "before"),
        ({"before": "pt1h"}, "before"),
    ],
)
def test_a_bad_reminder_is_refused_with_its_field(world: World, fields: dict[str, Any], refused: str) -> None:
    task = world.task(due_date=DUE)
    with pytest.raises(InvalidInput) as caught:
        world.remind(task, **fields)
    assert fields_of(caught) == [refused]


def test_a_reminder_can_be_set_once_only(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="PT90M")
    with pytest.raises(InvalidInput) as caught:
        world.remind(task, before="PT1H30M")
    assert fields_of(caught) == ["before"]
    world.remind(task, at=DUE)
    with pytest.raises(InvalidInput) as caught:
        world.remind(task, at=DUE)
    assert fields_of(caught) == ["at"]


def test_a_task_has_at_most_twenty_reminders_of_a_user(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    for number in range(MAX_REMINDERS - 1):
        world.remind(task, before=f"PT{number}M")
    results = race(*(partial(world.remind, task, before=f"P{number}D") for number in (1, 2)))
    assert sorted(type(each).__name__ for each in results) == ["Reminder", "TooManyReminders"]
    with pytest.raises(TooManyReminders):
        world.remind(task, at=DUE)
    world.remind(task, bob, at=DUE)


def test_an_invisible_task_has_no_reminders(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    with pytest.raises(TaskNotFound):
        world.remind(task, bob, at=DUE)
    with pytest.raises(TaskNotFound):
        world.app.see(bob, world.app.reminders.list, task.id)


def test_an_id_is_used_once(world: World, bob: SessionActor) -> None:
    mine, task = world.task(due_date=DUE), world.task(due_date=DUE)
    made = world.remind(mine, at=DUE)
    with pytest.raises(IdTaken):
        world.app.do(world.alice, world.app.reminders.create, task.id, {"at": DUE}, made.id)
    world.app.do(world.alice, world.app.reminders.delete, made.id)
    again = world.app.do(world.alice, world.app.reminders.create, task.id, {"at": DUE}, made.id)
    assert again.version > made.version + 1  # the version of its deletion
    assert world.feed(world.alice) == [(made.id, Op.UPSERT)]


# ------------------------------------------------------------------ following the task


def test_a_reminder_moves_with_the_due_date(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="P1DT30M")
    world.remind(task, at=START + HOUR)
    assert world.moments(task) == [DUE - DAY - HOUR / 2, START + HOUR]
    world.edit(task, due_date=DUE + DAY)
    assert world.moments(task) == [DUE - HOUR / 2, START + HOUR]
    world.edit(task, due_date=None)
    assert world.moments(task) == [None, START + HOUR]
    world.edit(task, title="Pay the rent")
    world.edit(task, due_date=DUE)
    assert world.moments(task) == [DUE - DAY - HOUR / 2, START + HOUR]
    moved, fixed = world.reminders(task)
    assert world.feed(world.alice) == [(fixed.id, Op.UPSERT), (moved.id, Op.UPSERT)], "the other is not sent again"


def test_a_moment_that_passed_before_it_was_set_does_not_fire(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="P1D")
    world.edit(task, due_date=START + HOUR)
    assert world.moments(task) == [None]
    assert world.fire(DUE) == 0


@pytest.mark.parametrize("state", [State.DONE, State.CANCELLED])
def test_a_reminder_waits_while_its_task_is_closed(world: World, state: State) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, at=START + HOUR)
    world.remind(task, at=START + 3 * HOUR)
    world.edit(task, state=state)
    assert world.moments(task) == [None, None]
    assert world.fire(START + 2 * HOUR) == 0
    world.edit(task, state=State.OPEN)
    assert world.moments(task) == [None, START + 3 * HOUR]
    assert world.fire(START + 3 * HOUR) == 1


def test_a_reminder_waits_while_its_task_is_in_the_trash(world: World) -> None:
    parent = world.task()
    task = world.task(due_date=DUE, parent=parent.id)
    made, above = world.remind(task, at=START + HOUR), world.remind(parent, at=START + HOUR)
    world.app.do(world.alice, world.app.trash.delete, parent.id)
    assert world.moments(task) == [None]
    world.app.do(world.alice, world.app.trash.restore, parent.id)
    assert world.moments(task) == [START + HOUR]
    world.app.do(world.alice, world.app.trash.delete, parent.id)
    world.app.do(world.alice, world.app.trash.purge, parent.id)
    assert world.reminders(task) == []
    assert sorted(world.feed(world.alice)) == [(made.id, Op.DELETE), (above.id, Op.DELETE)]


def test_reminders_before_the_due_date_go_to_the_next_occurrence_and_back(world: World, bob: SessionActor) -> None:
    daily = Recurrence(rule="FREQ=DAILY", time_zone="UTC")
    task = world.task(due_date=DUE, recurrence=daily)
    world.share(task, "bob")
    relative, fixed = world.remind(task, before="PT1H"), world.remind(task, at=DUE)
    theirs = world.remind(task, bob, before="PT2H")
    assert world.fire(DUE - 2 * HOUR) == 1
    done = world.edit(task, state=State.DONE)
    assert done.next is not None
    following = world.app.see(world.alice, world.app.tasks.get, done.next)
    assert [each.id for each in world.reminders(done)] == [fixed.id]
    assert [each.id for each in world.reminders(following)] == [relative.id]
    assert world.moments(following) == [DUE + DAY - HOUR]
    assert world.moments(following, bob) == [DUE + DAY - 2 * HOUR]
    again = world.edit(task, state=State.OPEN)  # takes the next occurrence back
    assert again.next is None
    assert sorted(each.id for each in world.reminders(task)) == sorted([relative.id, fixed.id])
    assert world.moments(task, bob) == [None], "it fired before"
    assert set(world.feed(bob)) == {(theirs.id, Op.UPSERT)}
    world.edit(task, state=State.DONE)
    assert world.fire(DUE + 2 * DAY) == 2
    assert len(world.notifications(bob)) == 2


def test_a_reminder_does_not_go_back_to_an_occurrence_that_its_user_cannot_see(world: World, bob: SessionActor) -> None:
    app = world.app
    home = app.do(world.alice, app.categories.create, {"name": "Home"})
    app.do(world.alice, app.category_sharing.share, home.id, "bob", Role.EDITOR)
    app.jobs.run_all()
    task = world.task(due_date=DUE, category=home.id, recurrence=Recurrence(rule="FREQ=DAILY", time_zone="UTC"))
    done = world.edit(task, state=State.DONE)
    assert done.next is not None
    made = world.remind(app.see(bob, app.tasks.get, done.next), bob, before="PT1H")
    world.edit(task, category=None)
    assert world.edit(task, state=State.OPEN).next is None
    assert (world.reminders(task, bob), world.feed(bob)) == ([], [(made.id, Op.DELETE)])


# ------------------------------------------------------------------ access


def unshare(world: World, task: Task, bob: SessionActor) -> None:
    world.app.do(world.alice, world.app.sharing.unshare, task.id, bob.user_id)


def leave(world: World, task: Task, bob: SessionActor) -> None:
    world.app.do(bob, world.app.sharing.unshare, task.id, bob.user_id)


@pytest.mark.parametrize("lose", [unshare, leave])
def test_the_reminders_of_a_user_who_loses_access_are_removed(
    world: World, bob: SessionActor, lose: Callable[[World, Task, SessionActor], None]
) -> None:
    parent = world.task()
    task = world.task(due_date=DUE, parent=parent.id)
    world.share(parent, "bob")
    mine, theirs = world.remind(task, at=DUE), world.remind(task, bob, at=DUE)
    lose(world, parent, bob)
    assert world.reminders(task, bob) == []
    assert world.feed(bob) == [(theirs.id, Op.DELETE)]
    world.share(parent, "bob")
    assert world.reminders(task, bob) == []
    assert world.reminders(task) == [mine]


@pytest.mark.parametrize("is_member_of_task", [False, True])
@pytest.mark.parametrize("how", ["unshare", "delete", "move out", "move"])
def test_losing_a_category_removes_reminders(
    world: World, bob: SessionActor, how: str, is_member_of_task: bool
) -> None:
    app = world.app
    category = app.do(world.alice, app.categories.create, {"name": "Home"})
    task, other = world.task(due_date=DUE, category=category.id), world.task(due_date=DUE)
    app.do(world.alice, app.category_sharing.share, category.id, "bob", Role.EDITOR)
    app.jobs.run_all()
    world.share(other, "bob")
    if is_member_of_task:
        world.share(task, "bob")
    made, kept = world.remind(task, bob, at=DUE), world.remind(other, bob, at=DUE)
    if how == "unshare":
        app.do(world.alice, app.category_sharing.unshare, category.id, bob.user_id)
    elif how == "delete":
        app.do(world.alice, app.category_removal.delete, category.id)
    elif how == "move":
        register(app, "carol")
        of_carol = app.do(world.alice, app.categories.create, {"name": "Of Carol"})
        app.do(world.alice, app.category_sharing.share, of_carol.id, "carol", Role.EDITOR)
        world.edit(task, category=of_carol.id)
    else:
        world.edit(task, category=None)
    assert world.reminders(task, bob) == ([made] if is_member_of_task else [])
    assert world.reminders(other, bob) == [kept]
    assert dict(world.feed(bob)) == {made.id: Op.UPSERT if is_member_of_task else Op.DELETE, kept.id: Op.UPSERT}
    app.jobs.run_all()
    assert world.reminders(task, bob) == ([made] if is_member_of_task else [])
    assert world.fire(DUE) == 1 + is_member_of_task


def test_the_reminders_of_an_account_are_removed_with_it(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    world.remind(task, bob, at=DUE)
    mine = world.app.do(bob, world.app.tasks.create, {"title": "Bob's"})
    world.app.do(bob, world.app.sharing.share, mine.id, "alice", Role.VIEWER)
    made = world.remind(mine, at=DUE)
    home = world.app.do(bob, world.app.categories.create, {"name": "Home"})
    world.app.do(bob, world.app.category_sharing.share, home.id, "alice", Role.EDITOR)
    passed = world.remind(world.task(category=home.id), at=DUE)
    world.app.account_removal.delete(bob, PASSWORD)
    world.app.jobs.run_all()
    assert world.fire(DUE) == 1
    assert dict(world.feed(world.alice)) == {made.id: Op.DELETE, passed.id: Op.UPSERT}


# ------------------------------------------------------------------ days and zones


def test_a_day_is_due_at_the_hour_of_the_users_choice(world: World) -> None:
    world.zone(VIENNA)
    task = world.task(due_on=date(2026, 7, 10))
    world.remind(task, before="PT0M")
    world.remind(task, before="P1DT30M")
    assert world.moments(task) == [utc("2026-07-10T07:00"), utc("2026-07-09T06:30")]
    world.app.do(world.alice, world.app.preferences.edit, {"reminder_hour": 18})
    assert world.moments(task) == [utc("2026-07-10T16:00"), utc("2026-07-09T15:30")]
    world.zone(NEW_YORK)
    assert world.moments(task) == [utc("2026-07-10T22:00"), utc("2026-07-09T21:30")]


@pytest.mark.parametrize("change", ["zone", "hour"])
def test_a_reminder_whose_moment_passes_by_a_change_of_the_zone_or_hour_fires_at_once(
    world: World, change: str
) -> None:
    task, past = world.task(due_on=date(2026, 3, 2)), world.task(due_on=START.date())
    world.remind(task, before="PT0M")
    world.remind(past, before="PT0M")
    world.clock.set(utc("2026-03-02T05:00"))
    if change == "zone":
        world.zone("Asia/Tokyo")  # where 9:00 has passed
    else:
        world.app.do(world.alice, world.app.preferences.edit, {"reminder_hour": 4})
    assert world.fire() == 1
    world.zone(NEW_YORK)
    assert world.fire(utc("2026-03-04T00:00")) == 0
    assert len(world.notifications()) == 1


def test_a_change_of_the_zone_moves_no_moment(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="P1D")
    world.zone(NEW_YORK)
    assert world.moments(task) == [DUE - DAY]


def test_each_users_day_is_in_their_zone(world: World, bob: SessionActor) -> None:
    world.zone(VIENNA)
    world.zone(NEW_YORK, bob)
    task = world.task(due_on=date(2026, 7, 9), recurrence=Recurrence(rule="FREQ=WEEKLY", time_zone="UTC"))
    world.share(task, "bob")
    world.remind(task, before="PT0M")
    world.remind(task, bob, before="PT0M")
    world.edit(task, due_on=date(2026, 7, 10))
    assert world.moments(task) == [utc("2026-07-10T07:00")]
    assert world.moments(task, bob) == [utc("2026-07-10T13:00")]
    assert world.fire(utc("2026-07-10T13:00")) == 2
    assert [each.moment for each in world.notifications(bob)] == [utc("2026-07-10T13:00")]
    following = world.edit(task, state=State.DONE).next
    assert following is not None
    task = world.app.see(world.alice, world.app.tasks.get, following)
    assert (world.moments(task), world.moments(task, bob)) == ([utc("2026-07-16T07:00")], [utc("2026-07-16T13:00")])


@pytest.mark.parametrize(
    ("day", "before", "expected"),
    [
        ("2026-03-29", "PT0M", "2026-03-29T07:00"),  # the clocks were set forward in the night
        ("2026-03-29", "P1D", "2026-03-28T08:00"),
        ("2026-03-29", "PT24H", "2026-03-28T07:00"),
        ("2026-10-25", "PT0M", "2026-10-25T08:00"),  # and back
        ("2026-10-25", "P1D", "2026-10-24T07:00"),
    ],
)
def test_days_before_a_day_are_days_of_the_zone(world: World, day: str, before: str, expected: str) -> None:
    world.zone(VIENNA)
    task = world.task(due_on=date.fromisoformat(day))
    world.remind(task, before=before)
    assert world.moments(task) == [utc(expected)]


def test_an_hour_that_is_skipped_begins_when_the_clocks_are_set(world: World) -> None:
    world.zone(VIENNA)
    world.app.do(world.alice, world.app.preferences.edit, {"reminder_hour": 2})
    task = world.task(due_on=date(2026, 3, 29))
    world.remind(task, before="PT0M")
    assert world.moments(task) == [utc("2026-03-29T01:00")]


@pytest.mark.parametrize("due", [{"due_on": date.min}, {"due_on": date.max}])
def test_the_ends_of_the_calendar_are_no_moments(world: World, due: dict[str, Any]) -> None:
    task = world.task(**due)
    made = world.remind(task, before="P366D")
    assert made.fires_at is None or made.fires_at > START


# ------------------------------------------------------------------ firing


def test_a_reminder_fires_once_and_not_before_its_moment(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="PT1H")
    assert world.fire(DUE - HOUR - MOMENT) == 0
    assert world.notifications() == []
    assert world.fire(DUE - HOUR) == 1
    (found,) = world.notifications()
    assert (found.task, found.moment, found.read) == (task.id, DUE - HOUR, False)
    assert world.moments(task) == [None]
    assert world.fire(DUE + DAY) == 0
    assert world.fire(START) == 0  # the clock was set back
    assert world.fire(DUE + DAY) == 0
    assert world.notifications() == [found]


def test_a_late_reminder_fires(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    world.remind(task, before="PT1H")
    world.clock.set(DUE + 7 * DAY)
    unshare(world, task, bob)
    assert world.app.firing.run_next(lambda: True) is None
    assert world.app.firing.run_next() == Fired((7 * DAY + HOUR,), 0)
    (found,) = world.notifications()
    assert (found.moment, found.created_at) == (DUE - HOUR, DUE + 7 * DAY)


def test_a_reminder_fires_again_for_another_due_date(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="PT1H")
    assert world.fire(DUE) == 1
    world.edit(task, due_date=DUE + DAY)
    world.edit(task, due_date=DUE + 2 * DAY)
    assert world.fire(DUE + 2 * DAY) == 1
    assert len(world.notifications()) == 2


def test_a_reminder_that_fired_does_not_fire_again_in_another_zone(world: World) -> None:
    world.zone(VIENNA)
    task = world.task(due_on=date(2026, 7, 10))
    world.remind(task, before="PT0M")
    assert world.fire(utc("2026-07-10T07:00")) == 1
    world.zone(NEW_YORK)
    world.app.do(world.alice, world.app.preferences.edit, {"reminder_hour": 23})
    assert world.moments(task) == [None]
    assert world.fire(utc("2026-07-12T00:00")) == 0
    assert len(world.notifications()) == 1


def test_a_reopened_task_does_not_remind_again(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, before="PT1H")
    assert world.fire(DUE - HOUR) == 1
    world.edit(task, state=State.DONE)
    world.edit(task, state=State.OPEN)
    assert world.fire(DUE + DAY) == 0


def test_reminders_of_one_moment_give_one_notification(world: World) -> None:
    task = world.task(due_date=DUE)
    world.remind(task, at=DUE)
    world.remind(task, before="PT0M")
    assert world.fire(DUE) == 2
    assert len(world.notifications()) == 1


def test_a_disabled_user_is_not_reminded(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    world.remind(task, bob, at=DUE)
    world.app.do(SYSTEM, world.app.set_active, "bob", False)
    assert world.fire(DUE) == 0
    (waiting,) = world.reminders(task, bob)
    assert (waiting.fires_at, waiting.fired_for, waiting.version) == (None, None, 2)
    world.app.do(SYSTEM, world.app.set_active, "bob", True)
    assert world.fire(DUE + DAY) == 0


def test_concurrent_processes_fire_each_reminder_once(world: World, bob: SessionActor) -> None:
    task = world.task(due_date=DUE)
    world.share(task, "bob")
    for number in range(MAX_REMINDERS):
        world.remind(task, at=DUE + number * MOMENT)
        world.remind(task, bob, at=DUE + number * MOMENT)
    world.clock.set(DUE + DAY)
    counts = race(*[world.app.firing.run_all] * 3)
    assert sum(cast(list[int], counts)) == 2 * MAX_REMINDERS
    assert len(world.notifications()) == len(world.notifications(bob)) == MAX_REMINDERS


def test_firing_and_completing_concurrently_leaves_nothing_due(world: World) -> None:
    tasks = [world.task(due_date=DUE) for _ in range(10)]
    for task in tasks:
        world.remind(task, at=DUE)
    world.clock.set(DUE)
    race(world.app.firing.run_all, *(partial(world.edit, task, state=State.DONE) for task in tasks))
    assert world.fire() == 0
    assert all(world.moments(task) == [None] for task in tasks)
    fired = [task for task in tasks if world.reminders(task)[0].fired_for]
    assert len(world.notifications()) == len(fired)


def test_moving_a_task_and_its_user_concurrently_takes_both_into_account(world: World) -> None:
    tasks = [world.task(due_on=date(2026, 7, 10)) for _ in range(5)]
    for task in tasks:
        world.remind(task, before="PT0M")
    later = date(2026, 7, 20)
    race(
        partial(world.app.do, world.alice, world.app.preferences.edit, {"reminder_hour": 20}),
        *(partial(world.edit, task, due_on=later) for task in tasks),
    )
    assert [world.moments(task) for task in tasks] == [[utc("2026-07-20T20:00")]] * 5


def test_only_what_is_due_fires(world: World) -> None:
    task = world.task(due_date=DUE)
    for number in range(MAX_REMINDERS):
        world.remind(task, at=DUE + number * MOMENT)
    world.clock.set(DUE)
    assert world.app.firing.run_next() is not None
    assert world.fire(DUE + DAY) == MAX_REMINDERS - 1


def test_reminders_are_found_in_the_unit_of_work_that_adds_or_moves_them(store: Storage, seed: Seed) -> None:
    user = seed.user()
    tasks = [seed.task(user) for _ in range(2)]
    reminder = Reminder(id=seed.id(), task=tasks[0].id, user_id=user.id, at=DUE, created_at=START)
    moved = replace(reminder, task=tasks[1].id, version=2)
    with store.writing(SYSTEM) as work:
        for task in tasks:
            work.tasks.find(task.id)
            work.tasks.save(task.edit({"state": State.DONE}, START))
            assert not work.reminders.of_task(task.id)
        for change, expected in ((work.reminders.add, reminder), (work.reminders.save, moved)):
            change(expected)
            assert [[*work.reminders.of_task(task.id)] for task in tasks] == [
                [expected] if task.id == expected.task else [] for task in tasks
            ]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


# ------------------------------------------------------------------ exports


def test_an_export_takes_the_reminders_of_own_tasks_to_another_account(world: World, bob: SessionActor) -> None:
    app = world.app
    task, other = world.task(due_date=DUE), world.task(title="Other", due_date=DUE)
    world.share(task, "bob")
    world.remind(task, before="P1DT30M")
    world.remind(task, at=START + HOUR)
    world.remind(task, bob, at=DUE)
    world.remind(other, before="PT0M")
    world.fire(START + HOUR)
    export = b"".join(ExportService(store=app.store).export(world.alice))
    carol = register(app, "carol")
    report = app.imports.import_file(carol, BytesIO(export), FileFormat.NDJSON)
    assert (report.tasks.created, report.skipped) == (2, 0)
    copies = {each.title: each for each in app.see(carol, app.tasks.list, TaskQuery(at=START)).items}
    copy = copies[task.title]
    assert world.moments(copies["Other"], carol) == [DUE]
    found = [(each.at, each.before, each.fires_at) for each in world.reminders(copy, carol)]
    assert sorted(found, key=str) == [(None, "P1DT30M", DUE - DAY - HOUR / 2), (START + HOUR, None, None)]
    assert len(world.feed(carol)) == 3
    app.imports.import_file(carol, BytesIO(export), FileFormat.NDJSON)
    assert len(world.reminders(copy, carol)) == 2


@pytest.mark.parametrize(
    "reminders",
    [
        "[1]",
        "[{}]",
        '[{"at":null}]',
        '[{"before":"soon"}]',
        '[{"at":"2026-03-02T00:00:00Z","before":"PT1H"}]',
        '[{"before":"PT1H","x":1}]',
        "[" + ",".join(f'{{"before":"PT{n}M"}}' for n in range(21)) + "]",
        "{}",
        "1",
    ],
)
def test_bad_reminders_of_a_file_are_refused_with_their_field(world: World, reminders: str) -> None:
    lines = f"""{{"type":"header","format":"tasktracker","version":5}}
{{"type":"task","id":"01890a5d-ac96-774b-bcce-b302099a8057","title":"Pay","reminders":{reminders}}}
{{"type":"end","categories":0,"tasks":1}}
"""
    report = world.app.imports.import_file(world.alice, BytesIO(lines.encode()), FileFormat.NDJSON)
    assert [(each.line, each.field) for each in report.errors] == [(2, "reminders")]


def test_a_reminder_that_is_carried_over_has_not_fired_and_does_not_fire_for_a_moment_that_has_passed() -> None:
    new = Task.create(id=UUID(int=1), created_by=UUID(int=2), now=START, fields={"title": "a", "due_date": START})
    values: dict[str, Any] = {"id": UUID(int=3), "task": UUID(int=4), "user_id": UUID(int=2), "before": "PT0M"}
    fired = Reminder(**values, created_at=START, fires_at=START, fired_for=START.isoformat())
    for now, fires_at in ((START, None), (START - timedelta(hours=1), START)):
        carried = fired.carried_over(new, LocalHour(), now)
        assert (carried.task, carried.fires_at, carried.fired_for) == (new.id, fires_at, None)


def test_a_reminder_is_due_if_its_user_sees_the_open_task_and_it_was_not_moved() -> None:
    owner = UUID(int=2)
    task = Task.create(id=UUID(int=1), created_by=owner, now=START, fields={"title": "a", "due_date": DUE})
    made = Reminder(id=UUID(int=3), task=task.id, user_id=owner, before="PT1H", created_at=START)
    others = ({"state": State.DONE}, {"trashed_at": START}, {"owner": UUID(int=4)}, {"due_date": DUE + HOUR})
    found = [
        made.is_due(None if each is None else replace(task, **cast(Any, each)), LocalHour(), DUE - HOUR)
        for each in ({}, None, *others)
    ]
    assert found == [True] + [False] * 5


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("PT60M", "PT1H"), ("PT1500M", "PT25H"), ("P1DT0H", "P1D"), ("P0D", "PT0M"), ("P0DT61M", "PT1H1M")],
)
def test_a_duration_has_one_form(text: str, canonical: str) -> None:
    assert duration(text) == duration(canonical) == canonical
