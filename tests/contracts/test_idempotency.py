"""The contract of an IdempotencyRepository, and of the service that uses it."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.idempotency.record import MAX_KEY_LENGTH, Record, Request
from tasktracker.domain.idempotency.service import once
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import KeyReused
from tasktracker.domain.kernel.retention import MARGIN, RETENTION
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import on_postgresql
from tests.contracts.base import SECOND, SHORT_WAIT, Abort, BackgroundCall, Seed, listed, new_record, race
from tests.fakes import START, SYSTEM, App, ManualClock
from tests.waiting import PATIENCE


def stored(store: Storage, user: User, key: str = "key") -> Record | None:
    """Return the stored response of a key, and release the key."""
    found: Record | None = None
    with suppress(Abort), store.writing(SYSTEM) as work:
        found = work.idempotency.claim(user.id, key)
        raise Abort
    return found


def store_response(store: Storage, record: Record) -> None:
    with store.writing(SYSTEM) as work:
        assert work.idempotency.claim(record.user_id, record.key) is None
        work.idempotency.add(record)


class TestIdempotency:
    def test_a_response_is_read_as_stored(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        full = new_record(user)
        bare = new_record(user, "~" * MAX_KEY_LENGTH, result=b"")
        for record in (full, bare, new_record(user, full.key.upper(), result=b"other")):
            assert stored(store, user, record.key) is None
            store_response(store, record)
            assert stored(store, user, record.key) == record

    def test_records_are_found_by_their_keys(self, store: Storage, seed: Seed) -> None:
        user, other = seed.user(), seed.user()
        records = [new_record(user, f"Key {number}") for number in range(3)]
        for record in (*records, new_record(other, "Key 3")):
            store_response(store, record)
        with store.writing(SYSTEM) as work:
            work.idempotency.claim(user.id, "in progress")
            for keys, expected in (
                (["Key 2", "Key 0", "Key 0"], [records[0], records[2]]),
                (["Key 3", "key 0", "in progress", "unknown"], []),
                ([], []),
            ):
                found = {record.key: record for record in work.idempotency.find(user.id, keys)}
                assert sorted(found.values(), key=lambda record: record.key) == expected

    def test_a_response_is_stored_only_under_its_key(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        records = [
            new_record(user, key, fingerprint=str(number).encode(), result=str(number).encode())
            for number, (user, key) in enumerate(((alice, "one"), (alice, "two"), (bob, "one")))
        ]
        with store.writing(SYSTEM) as work:
            for record in records:
                assert work.idempotency.claim(record.user_id, record.key) is None
            for record in records:
                work.idempotency.add(record)
            found = [list(work.idempotency.find(user.id, ["one", "two"])) for user in (alice, bob)]
            assert [sorted(each, key=lambda record: record.key) for each in found] == [records[:2], records[2:]]
            assert [work.idempotency.claim(each.user_id, each.key) for each in records] == records

    def test_every_user_has_separate_keys(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        store_response(store, new_record(alice))
        assert stored(store, bob) is None
        assert stored(store, alice, "KEY") is None
        assert stored(store, alice, "key ") is None
        store_response(store, new_record(bob))

    def test_a_failed_unit_of_work_releases_its_key(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        with suppress(Abort), store.writing(SYSTEM) as work:
            assert work.idempotency.claim(user.id, "key") is None
            work.idempotency.add(new_record(user))
            raise Abort
        assert stored(store, user) is None

    @pytest.mark.parametrize("fails", [False, True])
    def test_a_second_claim_of_a_key_waits_for_the_first(self, store: Storage, seed: Seed, fails: bool) -> None:
        user = seed.user()
        entered = threading.Event()

        def second() -> Record | None:
            entered.set()
            return stored(store, user)

        other: BackgroundCall | None = None
        with suppress(Abort), store.writing(SYSTEM) as work:
            assert work.idempotency.claim(user.id, "key") is None
            other = BackgroundCall(second)
            assert entered.wait(PATIENCE)
            assert not other.wait(SHORT_WAIT)
            work.idempotency.add(new_record(user))
            if fails:
                raise Abort
        assert other is not None
        assert other.result() == (None if fails else new_record(user))

    @on_postgresql
    def test_different_keys_of_a_user_wait_for_nothing_but_the_end_of_the_user(
        self, store: Storage, seed: Seed
    ) -> None:
        user = seed.user()

        def close() -> None:
            with store.writing(SYSTEM) as work:
                work.idempotency.close(user.id)

        with store.writing(SYSTEM) as work:
            work.idempotency.claim(user.id, "one")
            BackgroundCall(lambda: stored(store, user, "two")).result()
            waiting = BackgroundCall(close)
            assert not waiting.wait(SHORT_WAIT)
        waiting.result()

    def test_old_responses_are_purged_in_batches(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        for number in range(4):
            for user in (alice, bob):
                store_response(store, new_record(user, f"key {number}", expires_at=START + number * SECOND))

        def purge(limit: int) -> int:
            with store.writing(SYSTEM) as work:
                return work.idempotency.purge_before(START + 2 * SECOND, limit)

        assert [purge(3), purge(3), purge(3)] == [3, 1, 0]
        for user in (alice, bob):
            assert [stored(store, user, f"key {number}") is None for number in range(4)] == [True, True, False, False]

    def test_a_purged_key_can_be_used_again(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        store_response(store, new_record(user))
        with store.writing(SYSTEM) as work:
            assert work.idempotency.purge_before(START + SECOND, 10) == 1
        again = new_record(user, fingerprint=b"other", expires_at=START + SECOND)
        store_response(store, again)
        assert stored(store, user) == again

    def test_removing_a_user_removes_their_responses(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        store_response(store, new_record(alice))
        store_response(store, new_record(bob))
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        with store.writing(SYSTEM) as work:
            assert work.idempotency.purge_before(START + SECOND, 10) == 1

    # ------------------------------------------------------------ the service

    @pytest.fixture
    def app(self, store: Storage, clock: ManualClock) -> App:
        return App(store, clock)

    def test_a_repeated_request_is_executed_once(self, app: App, store: Storage, seed: Seed) -> None:
        user = seed.user()
        actor = seed.actor(user)
        request = Request("key", b"fingerprint")
        first, replayed = _once(app, actor, request)
        assert not replayed
        assert _once(app, actor, request) == (first, True)
        (task,) = listed(store, user, TaskQuery(at=START))
        assert first == _rendered(task)
        for fingerprint, key in ((b"another", "key"), (b"", "key")):
            with pytest.raises(KeyReused):
                _once(app, actor, Request(key, fingerprint))
        assert len(listed(store, user, TaskQuery(at=START))) == 1

    def test_a_failed_request_can_be_repeated(self, app: App, store: Storage, seed: Seed) -> None:
        user = seed.user()
        actor = seed.actor(user)
        request = Request("key", b"fingerprint")

        def create_and_fail(work: UnitOfWork[SessionActor]) -> bytes:
            _create(app, work)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            app.do(actor, lambda work: once(work, request, lambda: create_and_fail(work)))
        assert listed(store, user, TaskQuery(at=START)) == []
        _, replayed = _once(app, actor, request)
        assert not replayed

    def test_concurrent_requests_with_one_key_are_executed_once(self, app: App, store: Storage, seed: Seed) -> None:
        user = seed.user()
        actor = seed.actor(user)
        request = Request("key", b"fingerprint")
        call = partial(_once, app, actor, request)
        outcomes = race(*[call] * 8)
        (task,) = listed(store, user, TaskQuery(at=START))
        assert sorted(outcomes, key=str) == sorted([(_rendered(task), False)] + [(_rendered(task), True)] * 7, key=str)

    def test_a_key_is_kept_for_the_retention_time(self, app: App, store: Storage, seed: Seed) -> None:
        user = seed.user()
        request = Request("key", b"fingerprint")
        actor = seed.actor(user)
        _once(app, actor, request)
        app.clock.advance(RETENTION + MARGIN)
        assert app.housekeeping.sweep() == 1  # the change that created the task
        assert stored(store, user) is not None
        app.clock.advance(microseconds=1)
        assert app.housekeeping.sweep() == 1
        assert stored(store, user) is None

    def test_a_key_is_kept_for_a_given_time(self, app: App, store: Storage, seed: Seed) -> None:
        user = seed.user()
        app.do(seed.actor(user), lambda work: once(work, Request("key", b"fingerprint"), lambda: b"done", SECOND))
        record = stored(store, user)
        assert record is not None
        assert record.expires_at == app.clock.now() + SECOND


def _once(app: App, actor: SessionActor, request: Request) -> tuple[bytes, bool]:
    return app.do(actor, lambda work: once(work, request, lambda: _create(app, work)))


def _create(app: App, work: UnitOfWork[SessionActor]) -> bytes:
    return _rendered(app.tasks.create(work, {"title": "Task"}))


def _rendered(task: Task) -> bytes:
    return task.id.bytes
