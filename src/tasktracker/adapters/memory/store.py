"""Units of work in memory, one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import Lock, get_ident

from tasktracker.adapters.memory.activity import MemoryActivity
from tasktracker.adapters.memory.api_tokens import MemoryApiTokens
from tasktracker.adapters.memory.archive import MemoryTaskArchive
from tasktracker.adapters.memory.categories import MemoryCategories
from tasktracker.adapters.memory.feed import MemoryFeed
from tasktracker.adapters.memory.history import MemoryHistory
from tasktracker.adapters.memory.idempotency import MemoryIdempotency
from tasktracker.adapters.memory.second_factors import MemorySecondFactors
from tasktracker.adapters.memory.sessions import MemorySessions
from tasktracker.adapters.memory.tables import Data, Transaction
from tasktracker.adapters.memory.tasks import MemoryTasks
from tasktracker.adapters.memory.tickets import MemoryTickets
from tasktracker.adapters.memory.trash import MemoryTrash
from tasktracker.adapters.memory.users import MemoryUsers
from tasktracker.domain.activity.ports import AuditLog
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import Actor, Scope, SessionActor, TokenActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import InsufficientScope, SessionEnded
from tasktracker.domain.sync.ports import FeedPublisher


class MemoryUnitOfWork:
    """Implements UnitOfWork."""

    def __init__(self, transaction: Transaction, epoch: bytes) -> None:
        self.users = MemoryUsers(transaction)
        self.sessions = MemorySessions(transaction)
        self.categories = MemoryCategories(transaction)
        self.tasks = MemoryTasks(transaction)
        self.trash = MemoryTrash(transaction)
        self.history = MemoryHistory(transaction)
        self.archive = MemoryTaskArchive(transaction)
        self.idempotency = MemoryIdempotency(transaction)
        self.second_factors = MemorySecondFactors(transaction)
        self.api_tokens = MemoryApiTokens(transaction)
        self.activity = MemoryActivity(transaction)
        self.feed = MemoryFeed(transaction, epoch)
        self.tickets = MemoryTickets(transaction)


class MemoryStore:
    """Implements Store.

    Works take turns, reading ones too, so each sees one state of the data. What a database would answer with
    a deadlock or an integrity error, both mistakes of the program, is a RuntimeError here.
    """

    def __init__(self, clock: Clock, audit_log: AuditLog | None = None, publisher: FeedPublisher | None = None) -> None:
        self._clock = clock
        self._publisher = publisher
        self._audit_log = audit_log
        self._data = Data()
        self._secrets: dict[str, bytes] = {}
        self._turn = Lock()
        self._owner: int | None = None

    @contextmanager
    def reading(self, actor: Actor | None) -> Iterator[MemoryUnitOfWork]:
        with self._work(actor, writable=False) as work:
            yield work

    @contextmanager
    def snapshot(self, actor: Actor | None) -> Iterator[MemoryUnitOfWork]:
        if self._owner == get_ident():
            raise RuntimeError("A unit of work is open in this thread already.")
        with self._turn:
            if actor is not None:
                self._admit(actor, Scope.TASKS_READ)
            # Rows never change, so a copy of the tables is one of everything, and nobody has to wait for its end.
            data = self._data.copy()
        transaction = Transaction(data, writable=False)
        try:
            yield MemoryUnitOfWork(transaction, self.secret(EPOCH))
        finally:
            transaction.close()

    @contextmanager
    def writing(self, actor: Actor | None) -> Iterator[MemoryUnitOfWork]:
        with self._work(actor, writable=True) as work:
            yield work

    def live(self, actors: Collection[Actor]) -> Collection[Actor]:
        live = []
        for actor in actors:
            with suppress(SessionEnded, InsufficientScope), self.reading(actor):
                live.append(actor)
        return live

    def secret(self, name: str) -> bytes:
        return self._secrets.setdefault(name, secrets.token_bytes(32))

    def renew(self, name: str) -> bytes:
        self._secrets[name] = secrets.token_bytes(32)
        return self._secrets[name]

    def ready(self) -> None:
        pass

    def close(self) -> None:
        pass

    @contextmanager
    def _work(self, actor: Actor | None, *, writable: bool) -> Iterator[MemoryUnitOfWork]:
        if self._owner == get_ident():
            raise RuntimeError("A unit of work is open in this thread already.")
        with self._turn:
            self._owner = get_ident()
            transaction = Transaction(self._data, writable=writable)
            try:
                if actor is not None:
                    self._admit(actor, Scope.TASKS_WRITE if writable else Scope.TASKS_READ)
                work = MemoryUnitOfWork(transaction, self.secret(EPOCH))
                yield work
                transaction.require_success()
                told = work.feed.place(self._clock.now())
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                transaction.close()
                self._owner = None
        if self._audit_log is not None:
            for event in work.activity.added:
                self._audit_log.write(event)
        if self._publisher is not None and told:
            self._publisher.publish(told)

    def _admit(self, actor: Actor, scope: Scope) -> None:
        if isinstance(actor, TokenActor):
            self._admit_token(actor, scope)
        else:
            self._admit_session(actor)

    def _admit_token(self, actor: TokenActor, scope: Scope) -> None:
        token = self._data.api_tokens.get(actor.token_id)
        user = self._data.users.get(actor.user_id)
        if (
            token is None
            or user is None
            or token.user_id != user.id
            or not user.is_active
            or not token.is_live(self._clock.now())
            or not secrets.compare_digest(token.secret_hash, actor.secret_hash)
        ):
            raise SessionEnded
        if scope not in token.scopes:
            raise InsufficientScope(scope)

    def _admit_session(self, actor: SessionActor) -> None:
        """Let the actor in and confirm the generation, whatever becomes of the work."""
        session = self._data.sessions.get(actor.session_id)
        user = self._data.users.get(actor.user_id)
        if (
            session is None
            or user is None
            or session.user_id != user.id
            or not user.is_active
            or not session.is_live(self._clock.now())
            or actor.generation > session.generation
        ):
            raise SessionEnded
        if actor.generation > session.confirmed_generation:
            self._data.sessions.set(session.id, replace(session, confirmed_generation=actor.generation))
