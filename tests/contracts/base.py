"""What the contracts stand on: a store, people and things in it, and threads that race."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import psycopg
import pytest
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tasktracker.domain.accounts.second_factor import SecondFactor
from tasktracker.domain.accounts.session import Session, SessionPolicy
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import AuthEvent, Kind
from tasktracker.domain.api_tokens.api_token import ApiToken
from tasktracker.domain.categories.category import Category
from tasktracker.domain.history.change import Change, FieldChange
from tasktracker.domain.idempotency.record import Record
from tasktracker.domain.kernel.actors import AnyActor, Scope, SessionActor, TokenActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import DomainError, SessionEnded
from tasktracker.domain.kernel.paging import MAX_PAGE
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import Backend
from tests.fakes import START, SYSTEM
from tests.strategies import examples
from tests.waiting import PATIENCE

POLICY = SessionPolicy()

Result = TypeVar("Result")
MOMENT = timedelta(microseconds=1)

A_WHILE = 0.2

MISTAKES = (RuntimeError, SessionEnded, sqlite3.IntegrityError, psycopg.IntegrityError)
"""What the stores raise when a caller breaks a reference."""

Opening = Literal["reading", "writing"]

openings = pytest.mark.parametrize("opening", ["reading", "writing"])

SECOND = timedelta(seconds=1)


class Oops(Exception):
    """Something goes wrong in the middle of a work."""


class Seed:
    """Makes entities with as much said about them as matters to a test. `new_*` does not store them."""

    def __init__(self, store: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._numbers = count(1)

    def id(self) -> UUID:
        """An id that nothing has."""
        return self._ids.new()

    def new_user(self, username: str | None = None, **more: Any) -> User:
        values: dict[str, Any] = {
            "id": self.id(),
            "username": username or f"somebody{next(self._numbers)}",
            "password_hash": "hash",
            "created_at": self._clock.now(),
        }
        return User(**(values | more))

    def user(self, username: str | None = None, **more: Any) -> User:
        user = self.new_user(username, **more)
        with self._store.writing(SYSTEM) as work:
            work.users.add(user)
        return user

    def new_session(self, user: User, **more: Any) -> Session:
        now = self._clock.now()
        values: dict[str, Any] = {
            "id": self.id(),
            "user_id": user.id,
            "created_at": now,
            "rotated_at": now,
            "idle_until": now + POLICY.idle,
            "ends_at": now + POLICY.absolute,
        }
        return Session(**(values | more))

    def session(self, user: User, **more: Any) -> Session:
        session = self.new_session(user, **more)
        with self._store.writing(SYSTEM) as work:
            work.sessions.add(session)
        return session

    def actor(self, user: User | None = None) -> SessionActor:
        return acting(self.session(user or self.user()))

    def new_api_token(self, user: User, **more: Any) -> ApiToken:
        values: dict[str, Any] = {
            "id": self.id(),
            "user_id": user.id,
            "name": f"token {next(self._numbers)}",
            "scopes": frozenset(Scope),
            "secret_hash": b"hash",
            "created_at": self._clock.now(),
            "expires_at": None,
        }
        return ApiToken(**(values | more))

    def api_token(self, user: User, **more: Any) -> ApiToken:
        token = self.new_api_token(user, **more)
        with self._store.writing(SYSTEM) as work:
            work.api_tokens.add(token)
        return token

    def second_factor(self, user: User, **more: Any) -> SecondFactor:
        values: dict[str, Any] = {"user_id": user.id, "sealed_secret": "sealed"}
        factor = SecondFactor(**(values | more))
        with self._store.writing(SYSTEM) as work:
            work.users.find(user.id)
            work.second_factors.save(factor)
        return factor

    def new_event(self, user: User | None, **more: Any) -> AuthEvent:
        values: dict[str, Any] = {
            "id": self.id(),
            "at": self._clock.now(),
            "kind": Kind.LOGIN,
            "user_id": user.id if user else None,
        }
        return AuthEvent(**(values | more))

    def event(self, user: User | None, **more: Any) -> AuthEvent:
        event = self.new_event(user, **more)
        with self._store.writing(SYSTEM) as work:
            work.activity.add(event)
        return event

    def new_category(self, user: User, name: str | None = None, **more: Any) -> Category:
        now = self._clock.now()
        values: dict[str, Any] = {
            "id": self.id(),
            "user_id": user.id,
            "name": name or f"category {next(self._numbers)}",
            "created_at": now,
            "updated_at": now,
        }
        return Category(**(values | more))

    def category(self, user: User, name: str | None = None, **more: Any) -> Category:
        category = self.new_category(user, name, **more)
        with self._store.writing(SYSTEM) as work:
            work.categories.add(category)
        return category

    def new_task(self, user: User, title: str | None = None, **more: Any) -> Task:
        now = self._clock.now()
        values: dict[str, Any] = {
            "id": self.id(),
            "title": title or f"task {next(self._numbers)}",
            "created_by": user.id,
            "created_at": now,
            "updated_at": now,
        }
        values |= more
        return Task(**({"root": values["id"]} | values))

    def task(self, user: User, title: str | None = None, **more: Any) -> Task:
        task = self.new_task(user, title, **more)
        with self._store.writing(SYSTEM) as work:
            work.tasks.add(task)
        return task

    def tasks(self, *tasks: Task) -> None:
        """Store many tasks at once."""
        with self._store.writing(SYSTEM) as work:
            for task in tasks:
                work.tasks.add(task)


def acting(session: Session, generation: int | None = None) -> SessionActor:
    """Whoever acts in the session, by a token of its current generation unless said otherwise."""
    return SessionActor(session.user_id, session.id, session.generation if generation is None else generation)


def acting_by(token: ApiToken) -> TokenActor:
    """Whoever acts by this API token."""
    return TokenActor(token.user_id, token.id, token.secret_hash)


def everything(store: Storage, *users: User) -> Sequence[object]:
    """All that is stored of these users."""
    with store.reading(SYSTEM) as work:
        return [_everything_of(work, user) for user in users]


def _everything_of(work: UnitOfWork[AnyActor], user: User) -> object:
    tasks = work.tasks.list(user.id, TaskQuery(at=user.created_at, limit=MAX_PAGE))
    categories = work.categories.list(user.id, None, MAX_PAGE)
    assert tasks.next is None
    assert categories.next is None
    return (
        work.users.find(user.id),
        sorted(work.sessions.list(user.id), key=lambda session: session.id),
        list(categories.items),
        list(tasks.items),
    )


def race(*calls: Callable[[], Result]) -> list[Result | DomainError]:
    """Start these calls at the same moment, each in a thread, and return how each came out.

    A domain error is a result like any other; any other exception fails the race.
    """
    outcomes: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(position: int) -> None:
        try:
            barrier.wait(PATIENCE)
            outcomes[position] = calls[position]()
        except BaseException as error:  # it is looked at below
            outcomes[position] = error

    threads = [threading.Thread(target=run, args=(position,), daemon=True) for position in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "a racing thread does not come to an end"
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome
    return outcomes


class Aside:
    """A call in a thread of its own, alongside the test."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._outcome: Any = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except BaseException as error:  # raised again by `result`
            self._outcome = error
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """Give it some time; return whether it is done."""
        return self._done.wait(seconds)

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        assert self._done.wait(PATIENCE), "the call does not come to an end"
        self._thread.join()
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome


def new_change(seed: Seed, task: Task, user: User, **more: Any) -> Change:
    values: dict[str, Any] = {
        "id": seed.id(),
        "task_id": task.id,
        "at": START,
        "action": Action.EDIT,
        "version": task.version,
        "actor": user.id,
        "session_id": seed.id(),
        "token_id": None,
        "fields": {"title": FieldChange("before", "after")},
    }
    return Change(**(values | more))


def new_record(user: User, key: str = "key", **more: Any) -> Record:
    values: dict[str, Any] = {
        "user_id": user.id,
        "key": key,
        "fingerprint": b"\x00\xff" * 16,
        "result": b'\x00\xff{"id": "\xc3\xa9\\u0000"}',
        "created_at": START,
    }
    return Record(**(values | more))


def find(store: Storage, task: Task) -> Task | None:
    with store.reading(SYSTEM) as work:
        return work.tasks.find(task.id)


def purge(store: Storage, *tasks: Task) -> None:
    with store.writing(SYSTEM) as work:
        work.trash.purge(tasks)


def pages(store: Storage, user: User, query: TaskQuery) -> list[list[Task]]:
    """Return what a query finds, page by page."""
    found: list[list[Task]] = []
    while True:
        with store.reading(SYSTEM) as work:
            page = work.tasks.list(user.id, query)
        found.append(list(page.items))
        if page.next is None:
            return found
        query = replace(query, after=page.next)


def listed(store: Storage, user: User, query: TaskQuery) -> list[Task]:
    """Return what a query finds, on all pages."""
    return [task for page in pages(store, user, query) for task in page]


def run(machine: Callable[[], RuleBasedStateMachine], backend: Backend, in_memory: int, on_sql: int = 8) -> None:
    """Run random histories of a state machine: more where a step costs less."""
    histories = examples(in_memory if backend.name == "memory" else on_sql, stateful_step_count=40)
    run_state_machine_as_test(cast(Any, machine), settings=histories)
