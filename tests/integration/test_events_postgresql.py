"""Processes on PostgreSQL notify one another of changed feeds."""

from __future__ import annotations

import queue
import time
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from structlog.testing import capture_logs

from tasktracker.adapters.events import postgresql
from tasktracker.adapters.events.postgresql import PostgresChangeNotifier, users_in
from tests.waiting import PATIENCE, wait_until


class Listener:
    """The notifications that a process has received."""

    def __init__(self) -> None:
        self._received: queue.Queue[Set[UUID] | None] = queue.Queue()

    def receive(self, user_ids: Collection[UUID] | None) -> None:
        self._received.put(None if user_ids is None else frozenset(user_ids))

    def next(self, seconds: float = PATIENCE) -> Set[UUID] | None:
        return self._received.get(timeout=seconds)

    def users(self, number: int) -> set[UUID]:
        """Receive until this number of users is known, and return them."""
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
def process(url: str) -> Iterator[tuple[PostgresChangeNotifier, Listener]]:
    """Yield the notifier and the listener of a process once it listens."""
    events, listener = PostgresChangeNotifier(url), Listener()
    events.open(listener.receive)
    try:
        assert listener.next() is None, "earlier notifications may have been missed"
        yield events, listener
    finally:
        events.close()


@contextmanager
def promptly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Require that nothing waits for the end of a poll."""
    monkeypatch.setattr(postgresql, "POLL_SECONDS", 10)
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < 8


def disconnect_listeners(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'tasktracker events'"
        )


def test_each_process_is_notified_once_of_a_commit(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user = uuid4()
    with promptly(monkeypatch), process(database_url) as (here, mine), process(database_url) as (_, theirs):
        here.publish([user])
        assert mine.next() == theirs.next() == {user}
        assert mine.is_quiet()
        assert theirs.is_quiet()


def test_a_large_number_of_users_takes_several_notifications(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = {uuid4() for _ in range(1001)}
    with promptly(monkeypatch), process(database_url) as (here, mine), process(database_url) as (_, theirs):
        here.publish(users)
        assert mine.next() == users
        assert theirs.users(1001) == users


def test_a_process_that_does_not_listen_can_publish(database_url: str) -> None:
    """As the import command does."""
    user = uuid4()
    with process(database_url) as (_, theirs):
        command = PostgresChangeNotifier(database_url)
        command.publish([user])
        assert theirs.next() == {user}
        command.close()


def test_closing_publishes_the_last_commits_first(database_url: str) -> None:
    users = [uuid4() for _ in range(50)]
    with process(database_url) as (_, theirs):
        with process(database_url) as (here, _):
            for user in users:
                here.publish([user])
        assert theirs.users(50) == set(users)


def test_after_a_lost_connection_every_feed_may_have_changed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "RECHECK_SECONDS", PATIENCE)
    with process(database_url) as (_, mine):
        disconnect_listeners(database_url)
        assert mine.next() is None


def test_a_failed_notification_is_sent_after_the_next_connection(database_url: str) -> None:
    user = uuid4()
    with process(database_url) as (here, mine):
        disconnect_listeners(database_url)
        with process(database_url) as (_, theirs):
            here.publish([user])
            assert theirs.users(1) == {user}
            assert mine.users(1) == {user}


def test_listeners_check_for_missing_notifications(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may die between a commit and its notification."""
    monkeypatch.setattr(postgresql, "RECHECK_SECONDS", 0.1)
    with process(database_url) as (_, listener):
        assert listener.next() is None


def test_an_unknown_notification_may_be_about_any_user(database_url: str) -> None:
    with process(database_url) as (_, listener), psycopg.connect(database_url, autocommit=True) as other:
        other.execute(f"NOTIFY {postgresql.CHANNEL}, 'hello'".encode())
        assert listener.next() is None


def test_a_server_that_cannot_be_reached_is_logged_and_closing_does_not_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgresql, "FIRST_PAUSE", PATIENCE)
    events = PostgresChangeNotifier("postgresql://127.0.0.1:1/nothing")
    with capture_logs() as logs:
        events.open(Listener().receive)
        try:
            wait_until(lambda: logs, "the error is not logged")
        finally:
            events.close()
    assert [events._wake_writer.fileno(), events._wake_reader.fileno()] == [-1, -1]
    (entry,) = logs
    assert (entry["event"], entry["log_level"]) == ("not listening to the database", "warning")
    assert "127.0.0.1" in entry["cause"]


def test_what_changes_while_publishing_fails_is_published_later(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify, users, failures = postgresql._notify, [uuid4(), uuid4()], [psycopg.OperationalError()]

    def notify_later(*arguments: Any) -> None:
        if failures:
            events.publish(users[1:])
            raise failures.pop()
        notify(*arguments)

    monkeypatch.setattr(postgresql, "_notify", notify_later)
    monkeypatch.setattr(postgresql, "FIRST_PAUSE", 0.1)
    with process(database_url) as (_, listener), process(database_url) as (events, _):
        events.publish(users[:1])
        assert listener.users(2) == set(users)


def test_a_command_without_its_database_publishes_nothing_and_does_not_fail() -> None:
    """Its changes are stored. Others notice them after RECHECK_SECONDS."""
    PostgresChangeNotifier("postgresql://127.0.0.1:1/nothing").publish([uuid4()])


def test_users_are_published_in_parts_that_a_notification_can_hold() -> None:
    users = [uuid4() for _ in range(401)]
    payloads = postgresql._payloads(users)
    assert [payload.count(",") + 1 for payload in payloads] == [200, 200, 1]
    assert max(map(len, payloads)) < 8000
    assert [user for payload in payloads for user in users_in(payload) or ()] == users


def test_a_lost_database_is_looked_for_with_growing_pauses_until_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    events, heard, pauses = PostgresChangeNotifier(""), list[object](), list[float | None]()
    outcomes = iter([*[False] * 7, True, False, True])
    made: list[str] = []

    def connect() -> Any:
        if not next(outcomes):
            raise psycopg.OperationalError
        return SimpleNamespace(execute=made.append, close=lambda: made.append("close"))

    def lose(*_: object) -> None:
        if len(made) > 2:
            events._closing.set()
        raise psycopg.OperationalError

    monkeypatch.setattr(events, "_connect", connect)
    monkeypatch.setattr(events, "_forward", lose)
    monkeypatch.setattr(events._closing, "wait", pauses.append)
    with capture_logs() as logs:
        events._run(heard.append)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 0.1, 0.2, 0.1]
    assert [each["retry_seconds"] for each in logs] == pauses
    assert (heard, made) == ([None, None], ["LISTEN tasktracker_feeds", "close"] * 2)
