"""Deliveries, and the process that sends them, in cases that need no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import pytest

from tasktracker.adapters.mail.smtp import SmtpMailer
from tasktracker.adapters.mail.urls import Relay
from tasktracker.domain.deliveries.courier import RELAY_PAUSE
from tasktracker.domain.deliveries.delivery import (
    FIRST_PAUSE,
    MAX_PAUSE,
    RETRIED_FOR,
    Delivery,
    DeliveryKey,
    DeliveryKind,
    DeliveryState,
)
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.deliveries.service import DeliveryService
from tasktracker.domain.kernel.errors import DeliveryEnded, MailOff
from tasktracker.domain.kernel.paging import Page
from tasktracker.domain.notifications.notification import NotificationKind
from tests.contracts.base import Seed
from tests.contracts.test_deliveries import courier, new_delivery
from tests.fakes import START, SYSTEM, App, FakeMailer
from tests.mail import new_letter
from tests.unit.test_mail import composer


@pytest.fixture
def app() -> App:
    return App.in_memory()


@pytest.fixture
def delivery(app: App) -> Delivery:
    delivery = new_delivery(Seed(app.store, app.clock, app.ids))
    with app.store.writing(SYSTEM) as work:
        work.deliveries.add(delivery)
    return delivery


def stored(app: App, delivery: Delivery) -> Delivery | None:
    with app.store.reading(SYSTEM) as work:
        found: Delivery | None = work.deliveries.find(delivery.id)
    return found


@pytest.mark.parametrize("state", [DeliveryState.CANCELLED, DeliveryState.SENT, DeliveryState.FAILED])
@pytest.mark.parametrize("outcome", [None, NotSent("421"), NotSent("550", is_permanent=True)])
def test_a_delivery_that_has_ended_while_it_was_sent_is_not_changed(
    app: App, delivery: Delivery, outcome: NotSent | None, state: DeliveryState
) -> None:
    ended = delivery.claimed(START).ended(state, START - timedelta(seconds=1), "by another")
    mailer = FakeMailer(outcome)

    def end() -> None:
        with app.store.writing(SYSTEM) as work:
            work.deliveries.save(ended)

    mailer.on_send = end
    assert courier(app.store, app.clock, mailer).run_next() == ended == stored(app, delivery)


def test_what_is_added_has_its_user_its_address_and_its_parameters(app: App) -> None:
    user, cause = Seed(app.store, app.clock, app.ids).user(), UUID(int=1)
    more: dict[str, Any] = {"user_id": user.id, "address": "grace@example.org", "parameters": {"name": "grace"}}
    with app.store.writing(SYSTEM) as work:
        Outbox().add(work, DeliveryKind.NEW_DEVICE, UUID(int=2), **more)
        Outbox("mail.example.org").add(work, DeliveryKind.NEW_DEVICE, cause, **more)
        Outbox().add(work, DeliveryKind.REMINDER, UUID(int=3), **more)
        found = work.deliveries.list(None, None, None, 10).items
        notices = work.notifications.list(user.id, None, None, 10).items
    kind, event = NotificationKind.SECURITY, DeliveryKind.NEW_DEVICE.value
    assert {(each.id, each.kind, each.event, each.created_at) for each in notices} == {
        (uuid5(UUID(int=number), "notification"), kind, event, START) for number in (1, 2)
    }
    expected = Delivery.of(DeliveryKind.NEW_DEVICE, cause, START, mail_domain="mail.example.org", **more)
    assert list(found) == [expected], "without a sender, nothing is added"


def test_mail_is_needed_only_where_it_is_required() -> None:
    Outbox("mail.example.org").require_on()
    with pytest.raises(MailOff):
        Outbox().require_on()


def test_a_process_that_stops_begins_no_attempt(app: App, delivery: Delivery) -> None:
    mailer = FakeMailer()
    assert courier(app.store, app.clock, mailer).run_next(lambda: True) is None
    assert (mailer.letters, stored(app, delivery)) == ([], delivery)


def test_a_message_id_is_that_of_the_delivery_and_names_no_cause() -> None:
    causes = [UUID(int=number) for number in (1, 2)]
    first, second = (
        Delivery.of(DeliveryKind.NEW_DEVICE, cause, START, mail_domain="mail.example.org") for cause in causes
    )
    assert first.message_id == f"<{first.id}@mail.example.org>" != second.message_id
    assert str(causes[0]) not in first.message_id
    assert first.id not in causes


@pytest.mark.parametrize(
    ("after", "state"), [(RETRIED_FOR - timedelta(seconds=1), DeliveryState.DUE), (RETRIED_FOR, DeliveryState.FAILED)]
)
def test_attempts_are_made_for_a_day(delivery: Delivery, after: timedelta, state: DeliveryState) -> None:
    tried = delivery.claimed(START + after).deferred(START + after, "421", lambda: 0.5)
    assert (tried.state, tried.problem, tried.leased_until) == (state, "421", None)


@pytest.mark.parametrize(("number", "factor"), [(0, 0.5), (0.5, 1), (1, 1.5)])
@pytest.mark.parametrize(
    ("attempts", "pause"),
    [(0, FIRST_PAUSE), (1, FIRST_PAUSE), (2, 2 * FIRST_PAUSE), (8, MAX_PAUSE), (10**6, MAX_PAUSE)],
)
def test_pauses_double_and_differ_so_that_not_all_deliveries_are_sent_at_once(
    delivery: Delivery, number: float, factor: float, attempts: int, pause: timedelta
) -> None:
    tried = replace(delivery, attempts=attempts).deferred(START, "421", lambda: number)
    assert tried.next_attempt_at - START == pause * factor


def test_mails_are_listed_page_by_page_by_their_user_and_by_their_state(app: App) -> None:
    seed, service = Seed(app.store, app.clock, app.ids), DeliveryService()
    user = seed.user()
    mails = [
        replace(
            new_delivery(seed, user_id=user.id if number else None),
            created_at=START + timedelta(seconds=number),
            state=DeliveryState.FAILED if number == 2 else DeliveryState.DUE,
        )
        for number in range(4)
    ]
    with app.store.writing(SYSTEM) as work:
        for each in mails:
            work.deliveries.add(each)
    own = seed.actor(user)

    def pages(read: Callable[..., Page[Delivery, DeliveryKey]]) -> list[int]:
        first = read(limit=1)
        rest = read(after=first.next)
        assert rest.next is None
        assert first.next == first.items[0].key
        return [mails.index(each) for each in (*first.items, *rest.items)]

    assert pages(partial(app.see, own, service.list_own)) == [3, 2, 1]
    assert pages(partial(app.see, SYSTEM, service.list_all)) == [3, 2, 1, 0]
    assert pages(partial(app.see, SYSTEM, service.list_all, DeliveryState.DUE)) == [3, 1, 0]


@pytest.mark.parametrize(
    ("change", "state", "detail"),
    [
        ("retry", DeliveryState.SENT, "The delivery was sent."),
        ("retry", DeliveryState.SKIPPED, "The delivery was skipped."),
        ("cancel", DeliveryState.FAILED, "The delivery is not due: it was failed."),
        ("cancel", DeliveryState.SENT, "The delivery is not due: it was sent."),
    ],
)
def test_a_mail_that_has_ended_says_how(
    app: App, delivery: Delivery, change: str, state: DeliveryState, detail: str
) -> None:
    with app.store.writing(SYSTEM) as work:
        work.deliveries.save(delivery.ended(state, START))
    with pytest.raises(DeliveryEnded) as refused:
        app.do(SYSTEM, getattr(DeliveryService(), change), delivery.id)
    assert refused.value.detail == detail


def test_the_pause_of_a_relay_begins_when_it_has_failed_and_a_skipped_mail_is_returned_as_stored(
    app: App, delivery: Delivery
) -> None:
    mailer = FakeMailer(NotSent("421", is_of_relay=True))
    mailer.on_send = lambda: app.clock.advance(RELAY_PAUSE)
    sender = courier(app.store, app.clock, mailer)
    sender.run_next()
    mailer.on_send = lambda: None
    other = new_delivery(Seed(app.store, app.clock, app.ids))
    with app.store.writing(SYSTEM) as work:
        work.deliveries.add(other)
    app.clock.advance(RELAY_PAUSE - timedelta(microseconds=1))
    assert sender.run_next() is None
    app.clock.advance(timedelta(microseconds=1))
    assert sender.run_next() is not None
    with app.store.writing(SYSTEM) as work:
        work.deliveries.add(
            replace(other, id=UUID(int=1), cause=UUID(int=2), next_attempt_at=START - timedelta(hours=2))
        )
    app.clock.advance(hours=-1)
    assert sender.run_next() is not None, "no pause lasts longer because the clock was set back"
    skipping = courier(app.store, app.clock, mailer, lambda *_: "not needed")
    app.clock.advance(timedelta(hours=1) + FIRST_PAUSE)
    made = skipping.run_next()
    assert made is not None
    assert (made.state, made.problem, made) == (DeliveryState.SKIPPED, "not needed", stored(app, made))


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.CANCELLED])
def test_a_delivery_that_is_retried_is_due_for_another_day(delivery: Delivery, state: DeliveryState) -> None:
    later = START + timedelta(days=3)
    ended = delivery.claimed(START).ended(state, START, "550")
    assert ended.ended_at == START
    expected = replace(delivery, attempts=1, problem="550", next_attempt_at=later, retried_until=later + RETRIED_FOR)
    assert ended.retried(later) == expected


def test_an_address_that_cannot_be_written_is_not_tried_again() -> None:
    with pytest.raises(NotSent, match="the address cannot be used") as refused:
        SmtpMailer(Relay("relay.invalid", 25), composer).send(new_letter(to="a\nb@example.org"))
    assert (refused.value.is_permanent, refused.value.is_of_relay) == (True, False)
