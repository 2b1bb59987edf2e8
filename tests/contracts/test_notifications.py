"""Notifications, the preferences for them, and the mails of reminders and summaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from tasktracker.domain.accounts.letters import NO_ADDRESS
from tasktracker.domain.accounts.session import SessionPolicy
from tasktracker.domain.accounts.user import UserFields
from tasktracker.domain.deliveries.delivery import DeliveryKind, DeliveryState, Letter, ListedTask
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.feed.entries import Op
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput, NotificationNotFound
from tasktracker.domain.kernel.members import Role
from tasktracker.domain.notifications.notification import (
    KEPT_FOR,
    MAX_NOTIFICATIONS,
    Notification,
    NotificationKind,
)
from tasktracker.domain.notifications.preferences import PreferenceFields, Preferences
from tasktracker.domain.notifications.service import notify
from tasktracker.domain.reminders import letters
from tasktracker.domain.reminders.firing import Fired
from tasktracker.domain.reminders.letters import NOT_NEEDED, NOT_WANTED
from tasktracker.domain.reminders.reminder import ReminderFields
from tasktracker.domain.tasks.task import State, Task, TaskFields
from tasktracker.domain.work import Storage
from tests.contracts.base import MOMENT, Abort, Seed, race, read_pages
from tests.contracts.test_emails import deliver, verify
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.unit.base import PASSWORD, fields_of, register

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DUE = START + DAY
VIENNA = "Europe/Vienna"


@pytest.fixture
def app(store: Storage, clock: ManualClock) -> App:
    return App(store, clock, SessionPolicy(idle=1000 * DAY, absolute=1000 * DAY), mail=True)


@pytest.fixture
def alice(app: App) -> SessionActor:
    """A user with a verified address and no notification."""
    alice = register(app, "alice")
    verify(app, deliver(app))
    return alice


@pytest.fixture
def bob(app: App) -> SessionActor:
    """A user with a verified address and no notification."""
    bob = register(app, "bob")
    verify(app, deliver(app, DeliveryKind.VERIFY_EMAIL))
    return bob


def new_notification(user_id: UUID, id_: UUID, **more: Any) -> Notification:
    values: dict[str, Any] = {"kind": NotificationKind.SECURITY, "event": "new-device", "created_at": START}
    return Notification(id=id_, user_id=user_id, **(values | more))


def add(app: App, *notifications: Notification) -> None:
    with app.store.writing(SYSTEM) as work:
        for each in notifications:
            notify(work, each)


def listed(app: App, actor: SessionActor, unread: bool | None = None) -> list[Notification]:
    found = list(app.see(actor, app.notifications.list, unread, None, 2000).items)
    with app.store.reading(SYSTEM) as work:
        entries = work.feed.page(actor.user_id, 0, 3000, [ItemType.NOTIFICATION])
    versions = {each.id: each.version for each in found}
    assert all(each.entry.version == versions.get(each.entry.id, each.entry.version) for each in entries)
    return found


def feed(app: App, actor: SessionActor) -> list[tuple[UUID, Op]]:
    with app.store.reading(SYSTEM) as work:
        page = work.feed.page(actor.user_id, 0, 3000, [ItemType.NOTIFICATION])
    return [(each.entry.id, each.entry.op) for each in page]


# ------------------------------------------------------------------ stored and listed


def test_a_notification_is_stored_as_it_was_added(app: App, alice: SessionActor, seed: Seed) -> None:
    first = new_notification(
        alice.user_id,
        seed.id(),
        kind=NotificationKind.REMINDER,
        task=seed.id(),
        category=seed.id(),
        by="ada",
        moment=DUE,
    )
    add(app, first, replace(first, by="another"))  # with the same id
    assert listed(app, alice) == [first]
    assert feed(app, alice) == [(first.id, Op.UPSERT)]


def test_notifications_are_listed_newest_first_and_by_pages(
    app: App, alice: SessionActor, bob: SessionActor, seed: Seed
) -> None:
    notes = [
        new_notification(
            alice.user_id, seed.id(), created_at=START + (n // 2) * MOMENT, moment=START if n == 4 else None
        )
        for n in range(7)
    ]
    add(app, *notes)
    pages = read_pages(app.store, lambda work, after: work.notifications.list(alice.user_id, None, after, 2))
    order = sorted(notes, key=lambda each: (each.created_at, each.id), reverse=True)
    assert [each for page in pages for each in page] == order
    second = app.see(alice, app.notifications.list, None, order[1].key, 2)
    assert (second.items, second.next) == (order[2:4], order[3].key)
    assert listed(app, bob) == []


def test_a_user_reads_notifications(app: App, alice: SessionActor, bob: SessionActor, seed: Seed) -> None:
    first, second, third = (new_notification(alice.user_id, seed.id()) for _ in range(3))
    add(app, first, second, third)
    read = app.do(alice, app.notifications.edit, first.id, {"read": True})
    assert read == replace(first, read=True, version=2)
    assert app.do(alice, app.notifications.edit, first.id, {"read": True}) == read
    assert app.do(alice, app.notifications.edit, second.id, {"read": False}) == second
    assert [id_ for id_, _ in feed(app, alice)] == [second.id, third.id, first.id], "what changes nothing is not sent"
    assert listed(app, alice, True) == [third, second]
    assert listed(app, alice, False) == [read]
    with pytest.raises(NotificationNotFound):
        app.do(bob, app.notifications.edit, first.id, {"read": True})
    assert app.do(bob, app.notifications.read_all) == 0
    assert app.do(alice, app.notifications.read_all) == 2
    assert app.do(alice, app.notifications.read_all) == 0
    assert listed(app, alice, True) == []


def test_a_user_keeps_the_newest_thousand(app: App, alice: SessionActor, seed: Seed) -> None:
    notes = [new_notification(alice.user_id, seed.id(), created_at=START + n * MOMENT) for n in range(3)]
    many = [
        new_notification(alice.user_id, seed.id(), created_at=START + DAY + n * MOMENT)
        for n in range(MAX_NOTIFICATIONS - 1)
    ]
    with app.store.writing(SYSTEM) as work:
        for each in many:
            assert work.notifications.add(each)
    add(app, *notes)
    assert {each.id for each in listed(app, alice)} == {notes[2].id, *(each.id for each in many)}
    assert dict(feed(app, alice)) == {
        notes[0].id: Op.DELETE,
        notes[1].id: Op.DELETE,
        notes[2].id: Op.UPSERT,
    }


def test_the_sweep_removes_old_notifications(app: App, clock: ManualClock, alice: SessionActor, seed: Seed) -> None:
    old = new_notification(alice.user_id, seed.id())
    new = new_notification(alice.user_id, seed.id(), created_at=START + MOMENT)
    add(app, old, new)
    clock.set(START + KEPT_FOR + MOMENT)
    app.housekeeping.sweep()
    assert listed(app, alice) == [new]
    assert feed(app, alice) == [(new.id, Op.UPSERT), (old.id, Op.DELETE)]


def test_the_repository_finds_notifications_of_a_user(store: Storage, seed: Seed) -> None:
    alice, bob = seed.user(), seed.user()
    times = (0, 1, 1, 2)
    notes = [new_notification(alice.id, seed.id(), created_at=START + n * MOMENT, read=n == 2) for n in times]
    of_bob = [new_notification(bob.id, seed.id(), created_at=START + n * MOMENT) for n in (0, 1)]
    with store.writing(SYSTEM) as work:
        for each in (*notes, *of_bob):
            assert work.notifications.add(each)
        assert not work.notifications.add(notes[0])
        assert work.notifications.find(alice.id, notes[0].id) == notes[0]
        assert work.notifications.find(bob.id, notes[0].id) is None
        assert list(work.notifications.unread(alice.id, 2)) == [notes[2], notes[1]]
        assert list(work.notifications.unread(alice.id, 9)) == [notes[2], notes[1], notes[0]]
        assert list(work.notifications.remove_surplus(alice.id, 4)) == []
        assert sorted(each.id for each in work.notifications.remove_surplus(alice.id, 2)) == [notes[0].id, notes[1].id]
        assert list(work.notifications.purge_before(START, 9)) == []
        assert list(work.notifications.purge_before(START + MOMENT, 9)) == [of_bob[0]]
        (purged,) = work.notifications.purge_before(START + 2 * MOMENT, 1)
        assert list(work.notifications.purge_before(START + 2 * MOMENT, 9)) == [
            each for each in (notes[2], of_bob[1]) if each != purged
        ]
        assert list(work.notifications.list(alice.id, None, None, 9).items) == [notes[3]]
        assert list(work.notifications.list(bob.id, None, None, 9).items) == []


def test_the_earliest_summaries_are_claimed_first(store: Storage, seed: Seed) -> None:
    users = [seed.user() for _ in range(5)]
    due = [START + DAY, START, START, None, START + DAY + MOMENT]
    preferences = [
        Preferences(user_id=user.id, reminder_mails=False, summary_hour=hour, next_summary_at=at)
        for user, hour, at in zip(users, range(5), due, strict=True)
    ]
    with store.writing(SYSTEM) as work:
        for each in reversed(preferences):
            earlier = {"reminder_hour": 1, "reminder_mails": True, "summary_hour": 9, "next_summary_at": START - DAY}
            work.notifications.save_preferences(replace(each, **cast(Any, earlier)))
            work.notifications.save_preferences(each)
        assert [work.notifications.preferences(user.id) for user in users] == preferences
        assert [work.notifications.has_summary_due(START - each * MOMENT) for each in (0, 1)] == [True, False]
        assert list(work.notifications.claim_summaries(START - MOMENT, 9)) == []
        assert list(work.notifications.claim_summaries(START + DAY, 9)) == [*preferences[1:3], preferences[0]]
        assert list(work.notifications.claim_summaries(START + DAY, 2)) == preferences[1:3]


# ------------------------------------------------------------------ causes


def test_a_user_is_notified_of_what_is_shared(app: App, alice: SessionActor, bob: SessionActor) -> None:
    before = len(listed(app, bob))
    task = app.do(alice, app.tasks.create, {"title": "Pay"})
    category = app.do(alice, app.categories.create, {"name": "Home"})
    for role in (Role.VIEWER, Role.EDITOR):  # a change of the role is no news
        app.do(alice, app.sharing.share, task.id, "bob", role)
        app.do(alice, app.category_sharing.share, category.id, "bob", role)
    found = {(each.kind, each.task, each.category, each.by) for each in listed(app, bob)}
    assert found == {
        (NotificationKind.TASK_SHARED, task.id, None, "alice"),
        (NotificationKind.CATEGORY_SHARED, None, category.id, "alice"),
    }
    assert len(listed(app, bob)) == before + 2


@pytest.mark.parametrize("mail", [False, True])
def test_notices_of_security_are_notifications_with_and_without_mail(
    store: Storage, clock: ManualClock, mail: bool
) -> None:
    app = App(store, clock, mail=mail)
    carol = register(app, "carol")
    app.accounts.change_password(carol, PASSWORD, "battery staple")
    assert [(each.kind, each.event) for each in listed(app, carol)] == [
        (NotificationKind.SECURITY, DeliveryKind.PASSWORD_CHANGED)
    ]


# ------------------------------------------------------------------ preferences


def edit(app: App, actor: SessionActor, **fields: Any) -> Preferences:
    return app.do(actor, app.preferences.edit, cast(PreferenceFields, fields))[0]


def test_preferences_have_defaults(app: App, alice: SessionActor) -> None:
    preferences, user = app.see(alice, app.preferences.get)
    assert preferences == Preferences(user_id=user.id)
    assert (preferences.reminder_hour, preferences.reminder_mails, preferences.summary_hour) == (9, True, None)


def test_preferences_are_changed_one_by_one(app: App, alice: SessionActor, bob: SessionActor) -> None:
    edit(app, alice, reminder_hour=0)
    edit(app, alice, reminder_mails=False)
    edited = edit(app, alice, summary_hour=23)
    assert (edited.reminder_hour, edited.reminder_mails, edited.summary_hour) == (0, False, 23)
    assert app.see(alice, app.preferences.get)[0] == edited
    assert app.see(bob, app.preferences.get)[0] == Preferences(user_id=bob.user_id)


def test_concurrent_changes_of_preferences_are_all_kept(app: App, alice: SessionActor) -> None:
    race(partial(edit, app, alice, reminder_hour=1), partial(edit, app, alice, summary_hour=2))
    found, _ = app.see(alice, app.preferences.get)
    assert (found.reminder_hour, found.summary_hour) == (1, 2)


@pytest.mark.parametrize("name", ["reminder_hour", "summary_hour"])
@pytest.mark.parametrize("hour", [-1, 24])
def test_a_bad_hour_is_refused_with_its_field(app: App, alice: SessionActor, name: str, hour: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        edit(app, alice, **{name: hour})
    assert fields_of(caught) == [name]


# ------------------------------------------------------------------ mails of reminders


def new_task(app: App, actor: SessionActor, **fields: Any) -> Task:
    return app.do(actor, app.tasks.create, cast(TaskFields, {"title": "Pay\nthe rent", **fields}))


def remind(app: App, actor: SessionActor, task: Task, **fields: Any) -> None:
    app.do(actor, app.reminders.create, task.id, cast(ReminderFields, fields))


def sent(app: App) -> list[Letter]:
    return deliver(app, DeliveryKind.REMINDER, DeliveryKind.DAILY_SUMMARY)


def kinds_of_mails(app: App, actor: SessionActor) -> list[DeliveryKind]:
    """Return the kinds of all mails of reminders and summaries that were added."""
    with app.store.reading(SYSTEM) as work:
        kinds = [each.kind for each in work.deliveries.list(actor.user_id, None, None, 99).items]
    return [each for each in kinds if each in letters.OFF]


def last_problem(app: App, actor: SessionActor) -> str | None:
    with app.store.reading(SYSTEM) as work:
        delivery = work.deliveries.list(actor.user_id, None, None, 1).items[0]
    assert delivery.state is DeliveryState.SKIPPED
    return delivery.problem


def test_a_reminder_is_mailed_with_the_current_title(app: App, clock: ManualClock, alice: SessionActor) -> None:
    task = new_task(app, alice, due_date=DUE)
    remind(app, alice, task, before="PT1H")
    clock.set(DUE - HOUR)
    assert app.firing.run_all() == 1
    app.do(alice, app.tasks.edit, task.id, {"title": "Pay more"})
    (letter,) = sent(app)
    assert letter.to == "alice@example.org"
    assert letter.parameters["title"] == "Pay more"
    assert letter.parameters["due"] == DUE.isoformat()
    assert letter.path == f"task/{task.id}"
    assert letter.unsubscribe
    assert sent(app) == []
    app.do(alice, app.tasks.edit, task.id, {"due_date": DUE + DAY})
    clock.set(DUE + DAY)
    assert app.firing.run_all() == 1
    assert [each.parameters["due"] for each in sent(app)] == [(DUE + DAY).isoformat()]


def test_a_title_is_shown_on_one_line(app: App, clock: ManualClock, alice: SessionActor) -> None:
    task = new_task(app, alice, title="Pay\n\tthe rent " + "x" * 150)
    remind(app, alice, task, at=DUE)
    clock.set(DUE)
    app.firing.run_all()
    app.do(alice, app.tasks.edit, task.id, {"due_date": DUE + DAY})  # does not concern a reminder at a moment
    (letter,) = sent(app)
    title = letter.parameters["title"]
    assert title.startswith("Pay the rent xxx")
    assert (len(title), title[-1]) == (120, "…")


def test_no_reminder_is_mailed_without_a_verified_address(app: App, clock: ManualClock) -> None:
    carol = register(app, "carol")
    deliver(app)
    with app.store.writing(SYSTEM) as work:
        user = work.users.find(carol.user_id)
        assert user is not None
        stored = replace(user, email="carol@example.org", version=user.version + 1)  # of a time without mail
        work.users.save(stored)
    remind(app, carol, new_task(app, carol), at=DUE)
    edit(app, carol, summary_hour=DUE.hour)
    clock.set(DUE)
    assert app.firing.run_all() == 1
    assert sent(app) == []
    assert len(listed(app, carol)) == 1
    assert kinds_of_mails(app, carol) == []


def test_no_reminder_is_mailed_if_its_user_turned_mails_off(app: App, clock: ManualClock, alice: SessionActor) -> None:
    task = new_task(app, alice)
    remind(app, alice, task, at=DUE)
    remind(app, alice, task, at=DUE + HOUR)
    clock.set(DUE)
    app.firing.run_all()
    edit(app, alice, reminder_mails=False)
    assert sent(app) == []
    assert last_problem(app, alice) == NOT_WANTED
    clock.set(DUE + HOUR)
    assert app.firing.run_all() == 1
    assert sent(app) == []
    assert len(listed(app, alice)) == 2
    assert kinds_of_mails(app, alice).count(DeliveryKind.REMINDER) == 1


def complete(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.tasks.edit, task.id, {"state": State.DONE})


def move(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.tasks.edit, task.id, {"due_date": DUE + DAY})


def trash(app: App, alice: SessionActor, task: Task) -> None:
    app.do(alice, app.trash.delete, task.id)


def unshare(app: App, alice: SessionActor, task: Task) -> None:
    bob = app.see(SYSTEM, lambda work: work.users.find_by_login("bob"))
    assert bob is not None
    app.do(alice, app.sharing.unshare, task.id, bob.id)


def disable(app: App, _alice: SessionActor, _task: Task) -> None:
    app.do(SYSTEM, app.set_active, "bob", False)


def unverify(app: App, _alice: SessionActor, _task: Task) -> None:
    with app.store.writing(SYSTEM) as work:
        bob = work.users.find_by_login("bob")
        assert bob is not None
        work.users.save(replace(bob, email_verified_at=None, version=bob.version + 1))


def forget(app: App, _alice: SessionActor, task: Task) -> None:
    with app.store.writing(SYSTEM) as work:
        for each in work.reminders.of_task(task.id):
            work.reminders.remove(each.id)


@pytest.mark.parametrize("change", [complete, move, trash, unshare, disable, forget, unverify])
def test_nothing_is_sent_after_a_change_between_firing_and_sending(
    app: App, clock: ManualClock, alice: SessionActor, bob: SessionActor, change: Any
) -> None:
    task = new_task(app, alice, due_date=DUE)
    app.do(alice, app.sharing.share, task.id, "bob", Role.VIEWER)
    remind(app, bob, task, before="PT0M")
    clock.set(DUE)
    assert app.firing.run_all() == 1
    change(app, alice, task)
    assert sent(app) == []
    expected = {disable: "the account is disabled", unverify: NO_ADDRESS}.get(change, NOT_NEEDED)
    assert last_problem(app, bob) == expected


def test_a_mail_that_the_relay_refuses_is_sent_later_with_the_same_id(
    app: App, clock: ManualClock, alice: SessionActor
) -> None:
    remind(app, alice, new_task(app, alice), at=DUE)
    clock.set(DUE)
    app.firing.run_all()
    app.mailer.failures = [NotSent("451 later"), None]
    app.courier.run_all()
    clock.advance(hours=1)
    app.firing.run_all()
    app.courier.run_all()
    first, second = (each for each in app.mailer.letters if each.kind is DeliveryKind.REMINDER)
    assert first == second
    assert first.parameters == {"username": "alice", "time_zone": "UTC", "title": "Pay the rent"}


def test_a_mail_and_its_notification_are_added_together_or_not(
    app: App, clock: ManualClock, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    remind(app, alice, new_task(app, alice), at=DUE)
    clock.set(DUE)

    def fail(*_: object, **__: object) -> None:
        raise Abort

    with monkeypatch.context() as patched:
        patched.setattr(type(app.firing._outbox), "add", fail)
        with pytest.raises(Abort):
            app.firing.run_next()
    assert listed(app, alice) == []
    assert app.firing.run_all() == 1
    assert len(sent(app)) == 1


# ------------------------------------------------------------------ daily summaries


def test_a_summary_has_what_is_overdue_and_due_today(app: App, clock: ManualClock, alice: SessionActor) -> None:
    app.accounts.edit(alice, cast(UserFields, {"time_zone": "Pacific/Auckland"}))  # 13 hours before UTC
    edit(app, alice, summary_hour=7, reminder_mails=False)
    today = date(2026, 3, 2)
    late = new_task(app, alice, title="late", due_on=today - DAY, state=State.IN_PROGRESS)
    now = new_task(app, alice, title="now", due_on=today)
    earlier = new_task(app, alice, title="earlier today", due_date=utc("2026-03-01T17:00"))
    tonight = new_task(app, alice, title="tonight", due_date=utc("2026-03-02T10:58"))
    new_task(app, alice, title="tomorrow", due_date=utc("2026-03-02T11:00"))
    new_task(app, alice, title="done", due_on=today, state=State.DONE)
    new_task(app, alice, title="some day")
    clock.set(utc("2026-03-01T17:59"))
    assert app.firing.run_next() is None
    clock.set(utc("2026-03-01T18:00"))
    assert app.firing.run_next() == Fired((), 1)
    (letter,) = sent(app)
    assert letter.tasks == {
        name: [ListedTask(each.title, cast(date, each.due).isoformat(), f"task/{each.id}") for each in tasks]
        for name, tasks in {"overdue": [late, earlier], "today": [tonight, now]}.items()
    }
    shown = {"username": "alice", "time_zone": "Pacific/Auckland", "day": "2026-03-02", "count": "4"}
    assert (letter.parameters, letter.path) == (shown, "today")
    assert app.see(alice, app.preferences.get)[0].next_summary_at == utc("2026-03-02T18:00")


def test_a_summary_is_due_at_its_moment(app: App, store: Storage, alice: SessionActor) -> None:
    moment = edit(app, alice, summary_hour=7).next_summary_at
    assert moment is not None
    with store.reading(SYSTEM) as work:
        assert not work.notifications.has_summary_due(moment - MOMENT)
        assert work.notifications.has_summary_due(moment)


def test_an_empty_summary_is_not_sent(app: App, clock: ManualClock, alice: SessionActor) -> None:
    edit(app, alice, summary_hour=7)
    clock.set(utc("2026-03-02T07:00"))
    assert app.firing.run_next() is not None
    assert sent(app) == []
    assert last_problem(app, alice) == "no task is overdue or due today"
    app.do(SYSTEM, app.set_active, "alice", False)
    clock.advance(days=1)
    assert app.firing.run_next() is not None
    assert kinds_of_mails(app, alice) == [DeliveryKind.DAILY_SUMMARY], "of the first day"


def test_only_one_summary_is_sent_after_a_pause(
    app: App, clock: ManualClock, alice: SessionActor, bob: SessionActor
) -> None:
    for actor in (alice, bob):
        edit(app, actor, summary_hour=7)
        new_task(app, actor, due_on=date(2026, 3, 1))
    clock.set(utc("2026-03-05T06:00"))
    app.firing.run_all()
    assert sorted(each.to for each in sent(app)) == ["alice@example.org", "bob@example.org"]
    clock.set(START)  # the clock was set back
    app.firing.run_all()
    clock.set(utc("2026-03-05T06:59"))
    app.firing.run_all()
    assert sent(app) == []
    clock.set(utc("2026-03-05T07:00"))
    app.firing.run_all()
    assert len(sent(app)) == 2


@pytest.mark.parametrize(
    ("now", "hour", "expected"),
    [
        ("2026-03-28T12:00", 2, "2026-03-29T01:00"),  # skipped: the clocks are set from 2 to 3
        ("2026-03-28T12:00", 9, "2026-03-29T07:00"),
        ("2026-03-28T12:00", 0, "2026-03-28T23:00"),
        ("2026-10-24T12:00", 2, "2026-10-25T00:00"),  # twice: from 3 to 2
        ("2026-10-25T00:00", 2, "2026-10-26T01:00"),
    ],
)
def test_the_hour_of_a_summary_is_that_of_the_zone(
    app: App, clock: ManualClock, alice: SessionActor, now: str, hour: int, expected: str
) -> None:
    app.accounts.edit(alice, cast(UserFields, {"time_zone": VIENNA}))
    clock.set(utc(now))
    assert edit(app, alice, summary_hour=hour).next_summary_at == utc(expected)


def test_a_summary_moves_with_its_user(app: App, alice: SessionActor) -> None:
    assert edit(app, alice, summary_hour=20).next_summary_at == utc("2026-03-01T20:00")
    app.accounts.edit(alice, cast(UserFields, {"time_zone": "Asia/Tokyo"}))  # where it is 21:00
    assert app.see(alice, app.preferences.get)[0].next_summary_at == utc("2026-03-02T11:00")
    assert edit(app, alice, summary_hour=None).next_summary_at is None


# ------------------------------------------------------------------ unsubscribing


def test_a_token_turns_the_mails_of_its_kind_off(app: App, clock: ManualClock, alice: SessionActor) -> None:
    edit(app, alice, summary_hour=7)
    remind(app, alice, new_task(app, alice, due_on=date(2026, 3, 1)), at=DUE)
    clock.set(DUE)
    app.firing.run_all()
    tokens = {letter.kind: letter.unsubscribe for letter in sent(app)}
    for kind in (DeliveryKind.REMINDER, DeliveryKind.DAILY_SUMMARY):
        token = tokens[kind]
        assert token is not None
        for _ in range(2):  # the link of each mail works, also of older ones
            assert app.do(SYSTEM, app.reminder_letters.unsubscribe, token) is kind
    found, _ = app.see(alice, app.preferences.get)
    assert (found.reminder_mails, found.summary_hour, found.next_summary_at) == (False, None, None)
    app.account_removal.delete(alice, PASSWORD)
    with pytest.raises(InvalidInput) as caught:
        app.do(SYSTEM, app.reminder_letters.unsubscribe, str(tokens[DeliveryKind.REMINDER]))
    assert fields_of(caught) == ["token"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "reminder",
        "reminder..",
        "reminder.x.y",
        "new-device.{id}.{proof}",
        "reminder.{other}.{proof}",
        "reminder.{id}.é",
        "daily-summary.{id}.{proof}",
    ],
)
def test_another_token_turns_nothing_off(
    app: App, clock: ManualClock, alice: SessionActor, bob: SessionActor, token: str
) -> None:
    remind(app, alice, new_task(app, alice), at=DUE)
    clock.set(DUE)
    app.firing.run_all()
    (letter,) = sent(app)
    _, id_, proof = str(letter.unsubscribe).split(".")
    wrong = token.format(id=id_, other=bob.user_id.hex, proof=proof)
    with pytest.raises(InvalidInput) as caught:
        app.do(SYSTEM, app.reminder_letters.unsubscribe, wrong)
    assert fields_of(caught) == ["token"]
    assert app.see(alice, app.preferences.get)[0].reminder_mails


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def test_the_day_of_a_summary_is_that_of_its_time_zone() -> None:
    for zone, now, moment in (
        ("America/New_York", "2026-03-02T02:00", "2026-03-02T03:00"),
        ("Pacific/Kiritimati", "2026-03-02T07:59", "2026-03-02T08:00"),
    ):
        found = Preferences(user_id=UUID(int=1), summary_hour=22).scheduled(zone, utc(now))
        assert found.next_summary_at == utc(moment)


def test_each_share_has_its_own_notification() -> None:
    one, two, minute = UUID(int=1), UUID(int=2), timedelta(minutes=1)
    share = partial(Notification.of_share, by="bob")
    for kind in ("task", "category"):
        shares = [share(*each, **{kind: UUID(int=3)}) for each in ((one, START), (two, START), (one, START + minute))]  # type: ignore[arg-type]
        assert len({each.id for each in shares}) == 3
        assert [(each.user_id, each.created_at, each.by) for each in shares] == [
            (one, START, "bob"), (two, START, "bob"), (one, START + minute, "bob")
        ]  # fmt: skip


def test_a_long_summary_says_that_there_are_more(
    app: App, clock: ManualClock, alice: SessionActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letters, "MAX_LISTED", 1)
    edit(app, alice, summary_hour=7)
    for _ in range(2):
        new_task(app, alice, title="x" * letters.MAX_SHOWN, due_on=date(2026, 3, 2))
    clock.set(utc("2026-03-02T07:00"))
    assert app.firing.run_next() is not None
    (letter,) = sent(app)
    assert (letter.parameters["day"], letter.parameters["count"]) == ("2026-03-02", "1+")
    assert [each.title for each in letter.tasks["today"]] == ["x" * letters.MAX_SHOWN]
