"""The contract of an ActivityRepository, and of a store that writes to the audit log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent, EventQuery, Kind, Outcome
from tasktracker.domain.kernel.actors import AnyActor
from tasktracker.domain.kernel.errors import SessionEnded, UsernameTaken
from tasktracker.domain.work import Storage
from tests.contracts.base import BROKEN_REFERENCE, MOMENT, SHORT_WAIT, Abort, BackgroundCall, Seed, race, read_pages
from tests.fakes import START, SYSTEM, RecordingAuditLog


def found_by(store: Storage, query: EventQuery) -> list[AuthEvent]:
    pages = read_pages(store, lambda work, after: work.activity.search(replace(query, after=after, limit=1)))
    return [event for page in pages for event in page]


def events_of(store: Storage, user: User, limit: int = 100) -> list[AuthEvent]:
    """Return all events of a user, read in pages of this size."""
    found = read_pages(store, lambda work, after: work.activity.list(user.id, after, limit))
    assert all(len(page) == limit for page in found[:-1])
    return [event for page in found for event in page]


class TestActivity:
    @pytest.mark.parametrize("kind", Kind)
    @pytest.mark.parametrize("outcome", Outcome)
    def test_an_event_is_read_as_stored(self, store: Storage, seed: Seed, kind: Kind, outcome: Outcome) -> None:
        user = seed.user()
        event = seed.event(
            user, kind=kind, outcome=outcome, session_id=seed.id(), address="2001:db8::1", at=START + MOMENT
        )
        assert events_of(store, user) == [event]

    @pytest.mark.parametrize("address", [None, "", "192.0.2.1", "a" * 1000, "\U0001f427"])
    def test_an_address_is_any_text_or_none(self, store: Storage, seed: Seed, address: str | None) -> None:
        user = seed.user()
        event = seed.event(user, address=address)
        assert events_of(store, user) == [event]

    def test_a_user_without_events_has_an_empty_list(self, store: Storage, seed: Seed) -> None:
        assert events_of(store, seed.user()) == []
        assert events_of(store, seed.new_user()) == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    def test_events_are_listed_newest_first_and_once_each(self, store: Storage, seed: Seed, limit: int) -> None:
        alice, bob = seed.user(), seed.user()
        events = [seed.event(alice, at=START + offset * MOMENT) for offset in (3, 1, 4, 1, 5, 1, 2)]
        for offset in range(6):
            seed.event(bob, at=START + offset * MOMENT)
        expected = sorted(events, key=lambda event: (event.at, event.id), reverse=True)
        assert events_of(store, alice, limit) == expected

    def test_a_new_event_does_not_change_later_pages(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        older, newer = seed.event(user), seed.event(user, at=START + MOMENT)
        with store.reading(SYSTEM) as work:
            page = work.activity.list(user.id, None, 1)
        seed.event(user, at=START + 2 * MOMENT)
        assert list(page.items) == [newer]
        with store.reading(SYSTEM) as work:
            page = work.activity.list(user.id, page.next, 1)
        assert list(page.items) == [older]
        assert page.next is None

    def test_a_list_omits_events_of_others_and_events_without_a_user(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        event = seed.event(alice)
        seed.event(None)
        assert events_of(store, alice) == [event]
        assert events_of(store, bob) == []

    def test_a_search_returns_the_events_that_pass_every_filter_newest_first(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        later = START + MOMENT
        login, logout = seed.event(alice), seed.event(bob, kind=Kind.LOGOUT)
        by_admin = seed.event(bob, at=later, admin_id=alice.id)
        failure = seed.event(None, at=later, subject=alice.id, outcome=Outcome.FAILURE)
        for filters, found in (
            (EventQuery(), [failure, by_admin, logout, login]),
            (EventQuery(user_id=alice.id), [failure, by_admin, login]),
            (EventQuery(user_id=bob.id), [by_admin, logout]),
            (EventQuery(kinds=frozenset({Kind.LOGOUT, Kind.DELETE})), [logout]),
            (EventQuery(outcome=Outcome.FAILURE), [failure]),
            (EventQuery(kinds=frozenset({Kind.LOGIN}), outcome=Outcome.SUCCESS), [by_admin, login]),
            (EventQuery(since=later), [failure, by_admin]),
            (EventQuery(until=later), [logout, login]),
            (EventQuery(until=later, user_id=bob.id), [logout]),
        ):
            assert found_by(store, filters) == found

    def test_a_unit_of_work_sees_the_events_it_adds(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        event = seed.new_event(user)
        with store.writing(SYSTEM) as work:
            work.activity.add(event)
            assert list(work.activity.list(user.id, None, 10).items) == [event]

    def test_removing_a_user_removes_only_their_events(self, store: Storage, seed: Seed) -> None:
        alice, bob = seed.user(), seed.user()
        seed.event(alice)
        other = seed.event(bob)
        with store.writing(SYSTEM) as work:
            work.users.remove(alice.id)
        assert events_of(store, alice) == []
        assert events_of(store, bob) == [other]

    def test_what_an_administrator_did_to_a_removed_user_stays(self, store: Storage, seed: Seed) -> None:
        user, admin = seed.user(), seed.user()
        event = seed.event(user, admin_id=admin.id, subject=user.id)
        seed.event(user)
        with store.writing(SYSTEM) as work:
            while work.users.clear(user.id, 10):
                pass
            work.users.remove(user.id)
        assert found_by(store, EventQuery(user_id=user.id)) == [replace(event, user_id=None)]

    def test_old_events_are_purged_and_no_others(self, store: Storage, seed: Seed) -> None:
        user = seed.user()
        for each in (user, None, user):
            seed.event(each, at=START - MOMENT)
        kept = seed.event(user, at=START)
        with store.writing(SYSTEM) as work:
            assert [work.activity.purge_before(START, 2) for _ in range(3)] == [2, 1, 0]
        assert events_of(store, user) == [kept]

    def test_an_event_of_an_unknown_user_is_refused(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog
    ) -> None:
        unknown = seed.new_user()
        with pytest.raises((SessionEnded, *BROKEN_REFERENCE)):
            seed.event(unknown)
        assert events_of(store, unknown) == []
        assert audit_log.events == []

    def test_a_reading_unit_of_work_cannot_add_events(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog
    ) -> None:
        user = seed.user()
        with pytest.raises(RuntimeError), store.reading(SYSTEM) as work:
            work.activity.add(seed.new_event(user))
        assert events_of(store, user) == []
        assert audit_log.events == []

    # ------------------------------------------------------------ the audit log

    def test_the_audit_log_gets_each_event_once_in_order_after_the_commit(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog
    ) -> None:
        user = seed.user()
        events = [replace(seed.new_event(user), kind=kind) for kind in Kind] + [seed.new_event(None)]
        with store.writing(SYSTEM) as work:
            for event in events:
                work.activity.add(event)
            assert audit_log.events == []
        assert audit_log.events == events
        with store.writing(SYSTEM) as work:
            work.users.find(user.id)
        with store.reading(SYSTEM) as work:
            work.activity.list(user.id, None, 10)
        assert audit_log.events == events

    def test_an_event_is_stored_before_it_is_written_to_the_audit_log(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        user = seed.user()
        stored: list[list[AuthEvent]] = []
        monkeypatch.setattr(
            audit_log, "write", lambda _: stored.append(BackgroundCall(partial(events_of, store, user)).result())
        )
        event = seed.event(user)
        assert stored == [[event]]

    @pytest.mark.parametrize("error", [Abort, KeyboardInterrupt])
    def test_events_of_a_rolled_back_unit_of_work_are_discarded(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog, error: type[BaseException]
    ) -> None:
        user = seed.user()

        def fail(as_user: bool) -> None:
            actor: AnyActor = seed.actor(user) if as_user else SYSTEM
            with store.writing(actor) as work:
                work.activity.add(seed.new_event(user))
                work.activity.add(seed.new_event(None))
                raise error

        for as_user in (False, True):
            with pytest.raises(error):
                fail(as_user)
        assert events_of(store, user) == []
        assert audit_log.events == []

    def test_a_suppressed_refusal_discards_the_events(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog
    ) -> None:
        user = seed.user("alice")

        def ignore() -> None:
            with store.writing(SYSTEM) as work:
                work.activity.add(seed.new_event(user))
                with suppress(UsernameTaken):
                    work.users.add(seed.new_user("ALICE"))

        with pytest.raises(UsernameTaken):
            ignore()
        assert events_of(store, user) == []
        assert audit_log.events == []

    def test_concurrent_units_of_work_write_each_event_once(
        self, store: Storage, seed: Seed, audit_log: RecordingAuditLog
    ) -> None:
        users = [seed.user() for _ in range(4)]
        calls: list[Callable[[], AuthEvent]] = [partial(seed.event, user) for user in users * 3]
        events = race(*calls)
        assert sorted(str(event) for event in audit_log.events) == sorted(str(event) for event in events)
        assert sum(len(events_of(store, user)) for user in users) == len(calls)

    def test_an_event_can_be_added_while_another_unit_of_work_locks_the_user(self, store: Storage, seed: Seed) -> None:
        """For example a logout on one device during a password change on another: neither must fail."""
        user = seed.user()
        session = seed.session(user)

        def log_out() -> None:
            with store.writing(SYSTEM) as work:
                work.sessions.find(session.id)
                work.sessions.remove(session.id)
                work.activity.add(seed.new_event(user, kind=Kind.LOGOUT))

        with store.writing(SYSTEM) as work:
            work.users.find(user.id)
            other = BackgroundCall(log_out)
            other.wait(SHORT_WAIT)
            work.sessions.remove_others(user.id, keep=None)
            work.activity.add(seed.new_event(user, kind=Kind.PASSWORD_CHANGE))
        other.result()
        assert {event.kind for event in events_of(store, user)} == {Kind.LOGOUT, Kind.PASSWORD_CHANGE}
