"""Units of work in memory, one at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock, get_ident

from tasktracker.adapters.memory.categories import MemoryCategories
from tasktracker.adapters.memory.sessions import MemorySessions
from tasktracker.adapters.memory.tables import Data, Transaction
from tasktracker.adapters.memory.tasks import MemoryTasks
from tasktracker.adapters.memory.users import MemoryUsers
from tasktracker.domain.errors import SessionEnded
from tasktracker.domain.work import Actor, Clock


class MemoryUnitOfWork:
    """Implements UnitOfWork."""

    def __init__(self, transaction: Transaction) -> None:
        self.users = MemoryUsers(transaction)
        self.sessions = MemorySessions(transaction)
        self.categories = MemoryCategories(transaction)
        self.tasks = MemoryTasks(transaction)


class MemoryStore:
    """Implements Store.

    Works take turns, reading ones too, so each sees one state of the data. What a database would answer with
    a deadlock or an integrity error, both mistakes of the program, is a RuntimeError here.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._data = Data()
        self._secrets: dict[str, bytes] = {}
        self._turn = Lock()
        self._owner: int | None = None

    @contextmanager
    def reading(self, actor: Actor | None) -> Iterator[MemoryUnitOfWork]:
        with self._work(actor, writable=False) as work:
            yield work

    @contextmanager
    def writing(self, actor: Actor | None) -> Iterator[MemoryUnitOfWork]:
        with self._work(actor, writable=True) as work:
            yield work

    def secret(self, name: str) -> bytes:
        return self._secrets.setdefault(name, secrets.token_bytes(32))

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
                    self._admit(actor)
                yield MemoryUnitOfWork(transaction)
                transaction.require_success()
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                transaction.close()
                self._owner = None

    def _admit(self, actor: Actor) -> None:
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
