"""Helpers of the storage contracts: test data, reading page by page, and concurrent calls."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from itertools import chain, count, repeat
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
from tasktracker.domain.jobs.service import JobRunner, Run
from tasktracker.domain.kernel.actors import ActorT, AnyActor, Scope, SessionActor, TokenActor
from tasktracker.domain.kernel.changes import Action
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import DomainError, InsufficientScope, SessionEnded
from tasktracker.domain.kernel.paging import MAX_PAGE, Page
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.domain.tasks.task import Task
from tasktracker.domain.work import Storage, UnitOfWork
from tests.backends import Backend
from tests.fakes import START, SYSTEM
from tests.strategies import examples
from tests.waiting import PATIENCE, until_the_last, wait_until

POLICY = SessionPolicy()

Result = TypeVar("Result")
Item = TypeVar("Item")
MOMENT = timedelta(microseconds=1)

SHORT_WAIT = 0.2  # seconds after which a call counts as blocked

Mode = Literal["reading", "writing"]

each_mode = pytest.mark.parametrize("mode", ["reading", "writing"])

SECOND = timedelta(seconds=1)


class Abort(Exception):
    """Raised to roll a unit of work back."""


BROKEN_REFERENCE = (RuntimeError, sqlite3.IntegrityError, psycopg.IntegrityError)
"""Errors of the storages for a row that refers to nothing, or that others refer to."""


class Seed:
    """Creates entities with default values; `new_*` returns them without storing them."""

    def __init__(self, store: Storage, clock: Clock, ids: IdGenerator) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._numbers = count(1)

    def id(self) -> UUID:
        """An unused id."""
        return self._ids.new()

    def new_user(self, username: str | None = None, **more: Any) -> User:
        values: dict[str, Any] = {
            "id": self.id(),
            "username": username or f"user{next(self._numbers)}",
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
            "used_at": now,
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
        return session_actor(self.session(user or self.user()))

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
            "owner": user.id,
            "created_by": user.id,
            "created_at": now,
            "updated_at": now,
        }
        values |= more
        return Task(**({"root": values["id"], "root_category": values.get("category")} | values))

    def task(self, user: User, title: str | None = None, **more: Any) -> Task:
        task = self.new_task(user, title, **more)
        with self._store.writing(SYSTEM) as work:
            work.tasks.add(task)
        return task

    def tasks(self, *tasks: Task) -> None:
        with self._store.writing(SYSTEM) as work:
            for task in tasks:
                work.tasks.add(task)


def session_actor(session: Session, generation: int | None = None) -> SessionActor:
    """The actor of the session, with a token of its current generation unless one is given."""
    return SessionActor(session.user_id, session.id, session.generation if generation is None else generation)


def token_actor(token: ApiToken) -> TokenActor:
    return TokenActor(token.user_id, token.id, token.secret_hash)


def everything(store: Storage, *users: User) -> Sequence[object]:
    """Return everything that is stored of these users."""
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


def open_work(store: Storage, mode: Mode, actor: ActorT) -> AbstractContextManager[UnitOfWork[ActorT]]:
    return store.reading(actor) if mode == "reading" else store.writing(actor)


def can_open(store: Storage, mode: Mode, actor: SessionActor | TokenActor) -> bool:
    """Open a unit of work and read the actor's user in it. In the mode "reading", `filter_admissible` must agree."""
    found = list(store.filter_admissible([actor])) if mode == "reading" else None
    try:
        with open_work(store, mode, actor) as work:
            assert work.users.find(actor.user_id) is not None
    except (SessionEnded, InsufficientScope):
        assert not found
        raise
    assert found in (None, [actor])
    return True


def outcome_of(call: Callable[[], object]) -> tuple[Any, DomainError | None]:
    """Return the result of a call, or the domain error that it raises."""
    try:
        return call(), None
    except DomainError as error:
        return None, error


def attempt(call: Callable[[], object], *errors: type[Exception] | None) -> tuple[Any] | None:
    """Make a call. If errors are given, it must raise one of them, and None is returned. Else return (result,)."""
    expected = [error for error in errors if error]
    result, error = outcome_of(call)
    if error is None:
        assert not expected, f"expected {expected}, not success"
        return (result,)
    assert type(error) in expected, f"expected {expected or 'success'}, not {error!r}"
    return None


def race(*calls: Callable[[], Result], timeout: float = PATIENCE) -> list[Result | DomainError]:
    """Make these calls concurrently, each in a thread, and return their results.

    A domain error is returned as a result; any other exception is raised.
    """
    outcomes: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(position: int) -> None:
        try:
            barrier.wait(PATIENCE)
            outcomes[position] = calls[position]()
        except BaseException as error:  # checked below
            outcomes[position] = error

    threads = [threading.Thread(target=run, args=(position,), daemon=True) for position in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a thread does not end"
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, DomainError):
            raise outcome
    return outcomes


class BackgroundCall:
    """A call in a separate thread."""

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
        """Wait at most this long; return whether the call has ended."""
        return self._done.wait(seconds)

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""
        assert self._done.wait(PATIENCE), "the call does not end"
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
        "expires_at": START,
    }
    return Record(**(values | more))


def find(store: Storage, task: Task) -> Task | None:
    with store.reading(SYSTEM) as work:
        return work.tasks.find(task.id)


def purge(store: Storage, *tasks: Task) -> None:
    with store.writing(SYSTEM) as work:
        work.trash.purge(tasks)


def read_pages(store: Storage, list_: Callable[[UnitOfWork[AnyActor], Any], Page[Item, Any]]) -> list[list[Item]]:
    """Return the pages of a list, each read in a separate unit of work. `list_` is given the key to continue after."""
    found: list[list[Item]] = []
    after = None
    for _ in until_the_last():
        with store.reading(SYSTEM) as work:
            page = list_(work, after)
        found.append(list(page.items))
        if page.next is None:
            break
        after = page.next
    return found


def pages(store: Storage, user: User, query: TaskQuery) -> list[list[Task]]:
    """Return the pages of a list of tasks."""
    return read_pages(store, lambda work, after: work.tasks.list(user.id, replace(query, after=after or query.after)))


def listed(store: Storage, user: User, query: TaskQuery) -> list[Task]:
    """Return the tasks on all pages of a list."""
    return [task for page in pages(store, user, query) for task in page]


def run_state_machine(
    machine: Callable[[], RuleBasedStateMachine], backend: Backend, in_memory: int, on_sql: int = 3
) -> None:
    """Run a state machine with random steps: more often in memory, where a step is cheaper."""
    runs = examples(in_memory if backend.name == "memory" else on_sql, stateful_step_count=40)
    run_state_machine_as_test(cast(Any, machine), settings=runs)


def run_next(runner: JobRunner[Any], pieces: int = 1000) -> Run:
    """Run the next job, but at most this number of its pieces. It waits until the job can be claimed.

    On PostgreSQL, it may have to wait for transactions in other databases of the server.
    """
    stops = chain(repeat(False, pieces), repeat(True))
    return wait_until(lambda: runner.run_next(lambda: next(stops)), "the job cannot be claimed")
