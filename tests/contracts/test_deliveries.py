"""Deliveries: they are stored with their cause. One process after the other tries to send each, until it is sent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest

from tasktracker.domain.deliveries.courier import FAULT, RELAY_PAUSE, Courier
from tasktracker.domain.deliveries.delivery import (
    FIRST_PAUSE,
    LEASE,
    MAX_PAUSE,
    RESTORED,
    RETRIED_FOR,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Failing,
    Letter,
)
from tasktracker.domain.deliveries.ports import NotSent
from tasktracker.domain.deliveries.service import DeliveryService
from tasktracker.domain.kernel.actors import AnyActor, SystemActor
from tasktracker.domain.kernel.errors import DeliveryEnded, DeliveryNotFound, SessionEnded, StorageUnavailable
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import Backend, on_sql
from tests.contracts.base import BROKEN_REFERENCE, MOMENT, SECOND, Abort, Seed, race, read_pages
from tests.fakes import START, SYSTEM, FakeMailer, ManualClock

MINUTE = timedelta(minutes=1)
KIND = DeliveryKind.PASSWORD_CHANGED


def new_delivery(seed: Seed, **more: Any) -> Delivery:
    values: dict[str, Any] = {"kind": KIND, "cause": seed.id(), "address": "alice@example.org"}
    for name in ("kind", "cause", "user_id", "address", "parameters"):
        if name in more:
            values[name] = more.pop(name)
    return replace(Delivery.of(now=START, mail_domain="tasks.example.org", **values), **more)


def add(store: Storage, *deliveries: Delivery) -> None:
    with store.writing(SYSTEM) as work:
        for each in deliveries:
            work.deliveries.add(each)


def claim(store: Storage, clock: ManualClock) -> Delivery | None:
    with store.writing(SYSTEM) as work:
        return work.deliveries.claim(clock.now())


def stored(store: Storage, delivery: Delivery) -> Delivery:
    with store.reading(SYSTEM) as work:
        found = work.deliveries.find(delivery.id)
    assert found is not None
    return found


def every(store: Storage) -> list[Delivery]:
    with store.reading(SYSTEM) as work:
        return list(work.deliveries.list(None, None, None, 100).items)


# ---------------------------------------------------------------------- ledger


def test_a_delivery_is_stored_as_it_was_added(store: Storage, seed: Seed) -> None:
    delivery = new_delivery(
        seed,
        user_id=seed.user().id,
        parameters={"name": 'É "quoted" \n'},
        attempts=3,
        problem="451 later",
        retried_until=START + RETRIED_FOR,
    )
    add(store, delivery)
    assert stored(store, delivery) == delivery
    ended = delivery.ended(DeliveryState.SENT, START)
    with store.writing(SYSTEM) as work:
        assert work.deliveries.find(delivery.id) == delivery
        work.deliveries.save(ended)
    assert stored(store, delivery) == ended
    assert ended.parameters == {}


def test_a_delivery_is_stored_only_with_its_cause(store: Storage, seed: Seed) -> None:
    with suppress(Abort), store.writing(SYSTEM) as work:
        work.deliveries.add(new_delivery(seed))
        raise Abort
    assert every(store) == []


def test_a_cause_has_one_delivery(store: Storage, seed: Seed) -> None:
    first = new_delivery(seed)
    add(store, first)
    add(store, replace(first, address="other@example.org"))
    assert every(store) == [first]


@on_sql
def test_a_cause_has_one_delivery_also_in_a_race(store: Storage, backend: Backend, seed: Seed) -> None:
    other = backend.another_store()
    delivery = new_delivery(seed)
    assert race(partial(add, store, delivery), partial(add, other, delivery)) == [None, None]
    other.close()
    assert every(store) == [delivery]


def test_a_delivery_needs_its_user(store: Storage, seed: Seed) -> None:
    with pytest.raises((*BROKEN_REFERENCE, SessionEnded)):
        add(store, new_delivery(seed, user_id=seed.id()))


def test_deliveries_go_with_their_user(store: Storage, seed: Seed) -> None:
    user, other = seed.user(), seed.user()
    add(store, new_delivery(seed, user_id=user.id), kept := new_delivery(seed, user_id=other.id))
    with store.writing(SYSTEM) as work:
        work.users.clear(user.id, 100)
        work.users.remove(user.id)
    assert every(store) == [kept]


def test_the_delivery_that_has_been_due_for_longest_is_claimed_first(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    later = new_delivery(seed, next_attempt_at=START + SECOND)
    second, first = new_delivery(seed), new_delivery(seed, next_attempt_at=START - SECOND)
    add(store, later, second, first)
    claimed = claim(store, clock)
    assert claimed == replace(first, leased_until=START + LEASE, attempts=1) == stored(store, first)
    found = claim(store, clock)
    assert found is not None
    assert found.id == second.id
    assert claim(store, clock) is None
    clock.advance(SECOND)
    found = claim(store, clock)
    assert found is not None
    assert found.id == later.id


def test_deliveries_that_are_due_at_the_same_moment_are_claimed_by_their_ids(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    due = sorted((new_delivery(seed) for _ in range(5)), key=lambda each: each.id)
    add(store, *reversed(due))
    claimed = [claim(store, clock) for _ in due]
    assert [each and each.id for each in claimed] == [each.id for each in due]


def test_a_delivery_is_claimed_again_only_after_its_lease(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, new_delivery(seed))
    claim(store, clock)
    clock.advance(LEASE - SECOND)
    assert claim(store, clock) is None
    with store.reading(SYSTEM) as work:
        assert not work.deliveries.has_due(clock.now())
        assert work.deliveries.has_due(clock.now() + SECOND)
    clock.advance(SECOND)
    again = claim(store, clock)
    assert again is not None
    assert again.attempts == 2


def test_a_lease_from_a_clock_that_was_wrong_does_not_last(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, new_delivery(seed))
    clock.advance(days=300)
    claim(store, clock)
    clock.set(START)
    assert claim(store, clock) is not None


@on_sql
def test_two_processes_never_claim_one_delivery(
    store: Storage, backend: Backend, seed: Seed, clock: ManualClock
) -> None:
    other = backend.another_store()
    add(store, *(new_delivery(seed) for _ in range(30)))

    def claim_all(each: Storage) -> list[Delivery]:
        claimed = []
        while (found := claim(each, clock)) is not None:
            claimed.append(found)
        return claimed

    first, second = race(partial(claim_all, store), partial(claim_all, other))
    other.close()
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert len({each.id for each in (*first, *second)}) == len(first) + len(second) == 30


def test_deliveries_are_listed_by_user_and_state_newest_first(store: Storage, seed: Seed) -> None:
    alice, bob = seed.user(), seed.user()
    mine = [new_delivery(seed, user_id=alice.id, created_at=START + number // 2 * SECOND) for number in range(3)]
    failed = replace(new_delivery(seed, user_id=bob.id), state=DeliveryState.FAILED, ended_at=START)
    add(store, *mine, failed)
    assert read_pages(store, lambda work, after: work.deliveries.list(alice.id, None, after, 2)) == [
        [mine[2], mine[1]],
        [mine[0]],
    ]
    with store.reading(SYSTEM) as work:
        assert list(work.deliveries.list(None, DeliveryState.FAILED, None, 5).items) == [failed]
        assert len(work.deliveries.list(None, None, None, 5).items) == 4
        assert not work.deliveries.list(alice.id, DeliveryState.FAILED, None, 5).items


def test_deliveries_to_an_address_are_counted_in_any_case_of_letters(store: Storage, seed: Seed) -> None:
    add(
        store,
        new_delivery(seed, address="Alice@Example.org"),
        new_delivery(seed, created_at=START - MINUTE),
        new_delivery(seed, state=DeliveryState.SKIPPED),
        new_delivery(seed, kind=DeliveryKind.VERIFY_EMAIL),
        new_delivery(seed, address="bob@example.org"),
    )
    with store.reading(SYSTEM) as work:
        assert work.deliveries.count_since(KIND, "alice@example.ORG", START) == 1
        assert work.deliveries.count_since(KIND, "alice@example.ORG", START - MINUTE) == 2


def test_deliveries_are_counted_by_state_with_the_oldest(store: Storage, seed: Seed) -> None:
    with store.reading(SYSTEM) as work:
        assert work.deliveries.summary() == {}
    older = [new_delivery(seed, created_at=START - number * SECOND) for number in range(3)]
    add(store, *older, replace(new_delivery(seed), state=DeliveryState.FAILED, ended_at=START))
    with store.reading(SYSTEM) as work:
        assert work.deliveries.summary() == {
            DeliveryState.DUE: (3, START - 2 * SECOND),
            DeliveryState.FAILED: (1, START),
        }


def test_failing_deliveries_are_counted_with_their_most_common_problem(store: Storage, seed: Seed) -> None:
    ended = replace(new_delivery(seed), state=DeliveryState.FAILED, ended_at=START, problem="refused")
    add(store, new_delivery(seed), ended)
    with store.reading(SYSTEM) as work:
        assert work.deliveries.failing() is None
    for number, problem in enumerate(("rare", "down", "down")):
        add(store, replace(new_delivery(seed), created_at=START - number * SECOND, problem=problem))
    with store.reading(SYSTEM) as work:
        assert work.deliveries.failing() == Failing(3, START - 2 * SECOND, "down")
    add(store, replace(new_delivery(seed), problem="rare"))
    with store.reading(SYSTEM) as work:
        assert work.deliveries.failing() == Failing(4, START - 2 * SECOND, "down")


def test_ended_deliveries_are_purged_after_their_retention(store: Storage, seed: Seed) -> None:
    due = new_delivery(seed, created_at=START - timedelta(days=40))
    recent = replace(new_delivery(seed), state=DeliveryState.SENT, ended_at=START)
    old = [replace(new_delivery(seed), state=DeliveryState.SENT, ended_at=START - MOMENT) for _ in range(3)]
    add(store, due, recent, *old)
    with store.writing(SYSTEM) as work:
        assert work.deliveries.purge_before(START, 2) == 2
        assert work.deliveries.purge_before(START, 2) == 1
        assert work.deliveries.purge_before(START, 2) == 0
    assert {each.id for each in every(store)} == {due.id, recent.id}


def test_deliveries_that_were_due_are_skipped_after_a_restore(store: Storage, seed: Seed) -> None:
    due, sent = new_delivery(seed), replace(new_delivery(seed), state=DeliveryState.SENT, ended_at=START)
    add(store, replace(due, parameters={"name": "x"}, leased_until=START + LEASE), sent)
    with store.writing(SYSTEM) as work:
        assert work.deliveries.skip_due(START + SECOND) == 1
    assert stored(store, due) == replace(
        due, state=DeliveryState.SKIPPED, problem=RESTORED, ended_at=START + SECOND, parameters={}
    )
    assert stored(store, sent) == sent


def test_a_delivery_wakes_the_courier_once_it_is_committed(backend: Backend, store: Storage, seed: Seed) -> None:
    added = Event()
    watched = backend.store_waking(deliveries_added=added)
    with suppress(Abort), watched.writing(SYSTEM) as work:
        work.deliveries.add(new_delivery(seed))
        raise Abort
    assert not added.is_set()
    other = new_delivery(seed, next_attempt_at=START + SECOND)
    with watched.writing(SYSTEM) as work:
        work.deliveries.add(new_delivery(seed))
        work.deliveries.add(other)
        assert not added.is_set()
    assert added.is_set()
    added.clear()
    with watched.writing(SYSTEM) as work:
        claimed = work.deliveries.claim(START)
        assert claimed is not None
        work.deliveries.save(claimed.ended(DeliveryState.SENT, START))
    assert not added.is_set()
    with watched.writing(SYSTEM) as work:
        work.deliveries.save(replace(claimed, leased_until=None))
        work.deliveries.save(other.ended(DeliveryState.SENT, START))
    assert added.is_set()
    watched.close()


# --------------------------------------------------------------------- courier


def prepare(work: UnitOfWork[AnyActor], delivery: Delivery) -> tuple[Delivery, Letter] | str:
    if delivery.address is None:
        return "no address"
    letter = Letter(
        kind=delivery.kind,
        message_id=delivery.message_id,
        created_at=delivery.created_at,
        to=delivery.address,
        language="en",
        parameters=delivery.parameters,
    )
    return delivery, letter


def courier(
    store: Storage, clock: ManualClock, mailer: FakeMailer | None, preparation: Any = prepare
) -> Courier[UnitOfWork[SystemActor]]:
    preparations = dict.fromkeys(DeliveryKind, preparation)
    return Courier(store=store, clock=clock, mailer=mailer, preparations=preparations, jitter=lambda: 0.5)


def test_deliveries_are_sent_once_and_in_order(store: Storage, seed: Seed, clock: ManualClock) -> None:
    deliveries = [new_delivery(seed, next_attempt_at=START - number * SECOND) for number in range(3)]
    add(store, *deliveries)
    mailer = FakeMailer()
    assert courier(store, clock, mailer).run_all() == 3  # the longest due first
    assert [each.message_id for each in mailer.letters] == [each.message_id for each in reversed(deliveries)]
    assert {each.state for each in every(store)} == {DeliveryState.SENT}
    assert mailer.closed == 1
    assert courier(store, clock, mailer).run_all() == 0


def test_without_mail_nothing_is_claimed(store: Storage, seed: Seed, clock: ManualClock) -> None:
    delivery = new_delivery(seed)
    add(store, delivery)
    assert courier(store, clock, None).run_next() is None
    assert stored(store, delivery) == delivery


def test_attempts_are_repeated_with_growing_pauses_for_a_day_and_then_fail(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    delivery = new_delivery(seed)
    add(store, delivery)
    mailer = FakeMailer(*[NotSent("421 try later")] * 1000)
    pauses = []
    while (found := stored(store, delivery)).state is DeliveryState.DUE:
        pauses.append(found.next_attempt_at - clock.now())
        clock.set(found.next_attempt_at)
        assert courier(store, clock, mailer).run_all() == 1
    assert pauses[:5] == [timedelta(0), FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert set(pauses[8:]) == {MAX_PAUSE}
    assert RETRIED_FOR <= clock.now() - START < RETRIED_FOR + MAX_PAUSE
    assert (found.state, found.problem, found.attempts) == (DeliveryState.FAILED, "421 try later", len(pauses))
    assert {each.message_id for each in mailer.letters} == {delivery.message_id}


def test_a_permanent_failure_is_not_repeated(store: Storage, seed: Seed, clock: ManualClock) -> None:
    refused, sent = new_delivery(seed), new_delivery(seed, next_attempt_at=START + MOMENT)
    add(store, refused, sent)
    clock.advance(SECOND)
    courier(store, clock, FakeMailer(NotSent("550 no such user", is_permanent=True))).run_all()
    found = stored(store, refused)
    assert (found.state, found.problem, found.ended_at) == (DeliveryState.FAILED, "550 no such user", clock.now())
    assert stored(store, sent).state is DeliveryState.SENT


def test_a_relay_that_is_down_is_not_asked_for_each_delivery(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, *(new_delivery(seed) for _ in range(3)))
    mailer = FakeMailer(NotSent("no connection", is_of_relay=True))
    tested = courier(store, clock, mailer)
    assert tested.run_all() == 1
    assert tested.run_all() == 0
    clock.advance(RELAY_PAUSE)
    assert tested.run_all() == 2
    assert len(mailer.letters) == 3


def test_a_process_that_ends_after_sending_leads_to_a_duplicate_with_the_same_message_id(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    add(store, delivery := new_delivery(seed))
    mailer = FakeMailer()
    mailer.on_send = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        courier(store, clock, mailer).run_next()
    mailer.on_send = lambda: None
    assert courier(store, clock, mailer).run_next() is None
    clock.advance(LEASE)
    assert courier(store, clock, mailer).run_next() is not None
    assert [each.message_id for each in mailer.letters] == [delivery.message_id] * 2
    assert stored(store, delivery).state is DeliveryState.SENT


def test_a_success_counts_after_the_lease_and_a_failure_does_not(
    store: Storage, seed: Seed, clock: ManualClock
) -> None:
    for failure, state in ((None, DeliveryState.SENT), (NotSent("550", is_permanent=True), DeliveryState.DUE)):
        add(store, delivery := new_delivery(seed))
        mailer = FakeMailer(failure)

        def overtake() -> None:
            clock.advance(LEASE)
            claim(store, clock)

        mailer.on_send = overtake
        courier(store, clock, mailer).run_next()
        found = stored(store, delivery)
        assert (found.state, found.attempts) == (state, 2)


def test_a_delivery_of_no_more_use_is_skipped(store: Storage, seed: Seed, clock: ManualClock) -> None:
    add(store, delivery := new_delivery(seed, address=None, parameters={"name": "grace"}))
    mailer = FakeMailer()
    assert courier(store, clock, mailer).run_all() == 1
    assert (mailer.letters, stored(store, delivery).state) == ([], DeliveryState.SKIPPED)
    assert stored(store, delivery).parameters == {}
    assert stored(store, delivery).problem == "no address"


@pytest.mark.parametrize("place", ["preparing", "sending"])
def test_a_fault_stops_no_other_delivery(store: Storage, seed: Seed, clock: ManualClock, place: str) -> None:
    broken, sound = new_delivery(seed), new_delivery(seed, next_attempt_at=START + MOMENT)
    add(store, broken, sound)
    clock.advance(SECOND)

    def fail(work: UnitOfWork[AnyActor], delivery: Delivery) -> tuple[Delivery, Letter] | str:
        if place == "preparing" and delivery.id == broken.id:
            raise ValueError("a fault")
        return prepare(work, delivery)

    mailer = FakeMailer(ValueError("a fault") if place == "sending" else None)
    tested = courier(store, clock, mailer, fail)
    with pytest.raises(ValueError, match="a fault"):
        tested.run_next()
    tested.run_all()
    found = stored(store, broken)
    assert (found.state, found.problem, found.attempts) == (DeliveryState.DUE, FAULT, 1)
    assert found.next_attempt_at == clock.now() + FIRST_PAUSE
    assert stored(store, sound).state is DeliveryState.SENT


def test_a_delivery_is_as_it_was_after_the_storage_fails(store: Storage, seed: Seed, clock: ManualClock) -> None:
    delivery = new_delivery(seed)
    add(store, delivery)

    def fail(_work: UnitOfWork[AnyActor], _delivery: Delivery) -> tuple[Delivery, Letter] | str:
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        courier(store, clock, FakeMailer(), fail).run_next()
    assert stored(store, delivery) == delivery


# ------------------------------------------------------------------- use cases


@pytest.mark.parametrize("state", DeliveryState)
def test_only_a_delivery_that_was_not_sent_can_be_retried_or_cancelled(
    store: Storage, seed: Seed, clock: ManualClock, state: DeliveryState
) -> None:
    add(
        store,
        delivery := replace(new_delivery(seed), state=state, problem="550", ended_at=START, parameters={"a": "b"}),
    )
    clock.advance(days=2)
    with store.writing(SYSTEM) as work:
        if state in (DeliveryState.SENT, DeliveryState.SKIPPED):
            with pytest.raises(DeliveryEnded):
                DeliveryService().retry(work, delivery.id)
        else:
            again = DeliveryService().retry(work, delivery.id)
            assert (again.state, again.next_attempt_at) == (DeliveryState.DUE, work.now)
            assert again.retried_until == work.now + RETRIED_FOR
            assert work.deliveries.find(delivery.id) == again
            work.deliveries.save(delivery)
        if state is DeliveryState.DUE:
            cancelled = DeliveryService().cancel(work, delivery.id)
            assert cancelled == replace(delivery, state=DeliveryState.CANCELLED, ended_at=work.now, problem=None)
        else:
            with pytest.raises(DeliveryEnded):
                DeliveryService().cancel(work, delivery.id)


def test_an_unknown_delivery_can_neither_be_retried_nor_cancelled(store: Storage, seed: Seed) -> None:
    with store.writing(SYSTEM) as work:
        for use_case in (DeliveryService().retry, DeliveryService().cancel):
            with pytest.raises(DeliveryNotFound):
                use_case(work, seed.id())


def test_users_see_their_own_deliveries_only(store: Storage, seed: Seed) -> None:
    alice = seed.user()
    add(store, mine := new_delivery(seed, user_id=alice.id), new_delivery(seed, user_id=seed.user().id))
    with store.reading(seed.actor(alice)) as work:
        assert list(DeliveryService().list_own(work).items) == [mine]
