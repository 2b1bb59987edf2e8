"""How processes on PostgreSQL tell one another that feeds have changed."""

from __future__ import annotations

import queue
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager
from uuid import UUID, uuid4

import psycopg
import pytest

from tasktracker.adapters.events import postgresql
from tasktracker.adapters.events.postgresql import PostgresChangeNotifier


class Ear:
    """What a process has been told."""

    def __init__(self) -> None:
        self._heard: queue.Queue[Set[UUID] | None] = queue.Queue()

    def tell(self, user_ids: Collection[UUID] | None) -> None:
        self._heard.put(None if user_ids is None else frozenset(user_ids))

    def next(self, seconds: float = 10) -> Set[UUID] | None:
        return self._heard.get(timeout=seconds)

    def users(self, number: int) -> set[UUID]:
        """So many users, in however many calls."""
        found: set[UUID] = set()
        while len(found) < number:
            found |= self.next() or set()
        return found

    def is_quiet(self) -> bool:
        try:
            self.next(0.7)
        except queue.Empty:
            return True
        return False


@contextmanager
def process(url: str) -> Iterator[tuple[PostgresChangeNotifier, Ear]]:
    """The events of a process, from when it listens."""
    events, ear = PostgresChangeNotifier(url), Ear()
    events.open(ear.tell)
    try:
        assert ear.next() is None, "what was notified before may have been missed"
        yield events, ear
    finally:
        events.close()


def test_what_one_process_commits_is_told_once_in_each(database_url: str) -> None:
    user = uuid4()
    with process(database_url) as (here, mine), process(database_url) as (_, theirs):
        here.publish([user])
        assert mine.next() == theirs.next() == {user}
        assert mine.is_quiet()
        assert theirs.is_quiet()


def test_very_many_are_told_of_in_as_many_notifications_as_they_need(database_url: str) -> None:
    users = {uuid4() for _ in range(1001)}
    with process(database_url) as (here, mine), process(database_url) as (_, theirs):
        here.publish(users)
        assert mine.next() == users
        assert theirs.users(1001) == users


def test_whoever_does_not_listen_notifies_all_the_same(database_url: str) -> None:
    """As do commands, which import tasks, say."""
    user = uuid4()
    with process(database_url) as (_, theirs):
        command = PostgresChangeNotifier(database_url)
        command.publish([user])
        assert theirs.next() == {user}
        command.close()


def test_what_was_committed_last_is_told_before_closing(database_url: str) -> None:
    users = [uuid4() for _ in range(50)]
    with process(database_url) as (_, theirs):
        with process(database_url) as (here, _):
            for user in users:
                here.publish([user])
        assert theirs.users(50) == set(users)


def test_what_could_not_be_said_is_said_when_the_connection_is_back(database_url: str) -> None:
    user = uuid4()
    with process(database_url) as (here, mine):
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'tasktracker events'"
            )
        with process(database_url) as (_, theirs):
            here.publish([user])
            assert theirs.users(1) == {user}
            assert mine.users(1) == {user}


def test_a_notification_that_was_never_sent_is_made_up_for(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process has died between the commit and that."""
    monkeypatch.setattr(postgresql, "RECHECK_SECONDS", 0.1)
    with process(database_url) as (_, ear):
        assert ear.next() is None


def test_anything_else_on_the_channel_may_concern_everybody(database_url: str) -> None:
    with process(database_url) as (_, ear), psycopg.connect(database_url, autocommit=True) as somebody:
        somebody.execute(f"NOTIFY {postgresql.CHANNEL}, 'hello'".encode())
        assert ear.next() is None
