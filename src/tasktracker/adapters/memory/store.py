"""Units of work in memory, which run one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from threading import Event, Lock, get_ident
from typing import Generic

from tasktracker.adapters.change_log import WorkChangeLog
from tasktracker.adapters.memory.account_directory import MemoryAccountDirectory
from tasktracker.adapters.memory.activity import MemoryActivity
from tasktracker.adapters.memory.api_tokens import MemoryApiTokens
from tasktracker.adapters.memory.bulk import MemoryBulkRepository
from tasktracker.adapters.memory.categories import MemoryCategories
from tasktracker.adapters.memory.deliveries import MemoryDeliveries
from tasktracker.adapters.memory.feed import MemoryFeed
from tasktracker.adapters.memory.history import MemoryHistory
from tasktracker.adapters.memory.idempotency import MemoryIdempotency
from tasktracker.adapters.memory.import_jobs import MemoryImportJobs
from tasktracker.adapters.memory.invites import MemoryInvites, MemoryServiceSettings
from tasktracker.adapters.memory.jobs import MemoryJobs
from tasktracker.adapters.memory.links import MemoryLinks
from tasktracker.adapters.memory.notifications import MemoryNotifications
from tasktracker.adapters.memory.reminders import MemoryReminders
from tasktracker.adapters.memory.second_factors import MemorySecondFactors
from tasktracker.adapters.memory.sessions import MemorySessions
from tasktracker.adapters.memory.share_invitations import MemoryShareInvitations
from tasktracker.adapters.memory.statistics import MemoryStatistics
from tasktracker.adapters.memory.tables import Data, Transaction
from tasktracker.adapters.memory.tasks import MemoryTasks
from tasktracker.adapters.memory.tickets import MemoryTickets
from tasktracker.adapters.memory.trash import MemoryTrash
from tasktracker.adapters.memory.usage import MemoryQuotas
from tasktracker.adapters.memory.users import MemoryUsers
from tasktracker.domain.accounts.quota import UNLIMITED, Quotas
from tasktracker.domain.activity.ports import AuditLog
from tasktracker.domain.api_tokens.api_token import is_use_due
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import (
    Actor,
    ActorT,
    ActorT_co,
    AdminActor,
    AnyActor,
    Scope,
    SessionActor,
    SystemActor,
    TokenActor,
)
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import AdminRequired, InsufficientScope, SessionEnded
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE
from tasktracker.domain.sync.ports import FeedPublisher


class MemoryUnitOfWork(Generic[ActorT_co]):
    """Implements UnitOfWork."""

    def __init__(
        self,
        transaction: Transaction,
        actor: ActorT_co,
        now: datetime,
        time_zone: str,
        ids: IdGenerator,
        epoch: bytes,
    ) -> None:
        self.actor = actor
        self.now = now
        self.time_zone = time_zone
        self.users = MemoryUsers(transaction)
        self.quotas = MemoryQuotas(transaction)
        self.directory = MemoryAccountDirectory(transaction)
        self.statistics = MemoryStatistics(transaction)
        self.sessions = MemorySessions(transaction)
        self.categories = MemoryCategories(transaction)
        self.tasks = MemoryTasks(transaction)
        self.trash = MemoryTrash(transaction, self.tasks)
        self.history = MemoryHistory(transaction)
        self.bulk = MemoryBulkRepository(transaction)
        self.import_jobs = MemoryImportJobs(transaction)
        self.idempotency = MemoryIdempotency(transaction)
        self.second_factors = MemorySecondFactors(transaction)
        self.links = MemoryLinks(transaction)
        self.invites = MemoryInvites(transaction)
        self.share_invitations = MemoryShareInvitations(transaction)
        self.service_settings = MemoryServiceSettings(transaction)
        self.api_tokens = MemoryApiTokens(transaction)
        self.activity = MemoryActivity(transaction)
        self.feed = MemoryFeed(transaction, epoch)
        self.tickets = MemoryTickets(transaction)
        self.deliveries = MemoryDeliveries(transaction)
        self.reminders = MemoryReminders(transaction)
        self.notifications = MemoryNotifications(transaction)
        self.jobs = MemoryJobs(transaction)
        self.made_at: datetime | None = None
        self._ids = ids

    @property
    def changes(self) -> WorkChangeLog:
        return WorkChangeLog(self.actor, self.now, self._ids, self.history, self.feed, self.reminders, self.made_at)


class MemoryStore:
    """Implements Storage.

    Units of work run one after the other, also those that read, so each sees one state of the data. A deadlock or an
    integrity error is a bug of the program. Where a database would report one, this raises RuntimeError.
    """

    def __init__(
        self,
        clock: Clock,
        ids: IdGenerator,
        audit_log: AuditLog | None = None,
        publisher: FeedPublisher | None = None,
        jobs_added: Event | None = None,
        deliveries_added: Event | None = None,
        limits: Quotas = UNLIMITED,
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._publisher = publisher
        self._jobs_added = jobs_added
        self._deliveries_added = deliveries_added
        self._audit_log = audit_log
        self._limits = limits
        self._data = Data()
        self._secrets: dict[str, bytes] = {}
        self._lock = Lock()
        self._lock_owner: int | None = None

    @contextmanager
    def reading(self, actor: ActorT) -> Iterator[MemoryUnitOfWork[ActorT]]:
        with self._work(actor, writable=False) as work:
            yield work

    @contextmanager
    def snapshot(self, actor: ActorT) -> Iterator[MemoryUnitOfWork[ActorT]]:
        if self._lock_owner == get_ident():
            raise RuntimeError("A unit of work is open in this thread already.")
        with self._lock:
            self._admit(actor, Scope.TASKS_READ)
            # Rows are immutable, so copying the tables is enough, and other units of work need not wait for this one.
            data = self._data.copy()
        transaction = Transaction(data, writable=False)
        try:
            yield self._open(transaction, actor)
        finally:
            transaction.close()

    @contextmanager
    def writing(self, actor: ActorT) -> Iterator[MemoryUnitOfWork[ActorT]]:
        with self._work(actor, writable=True) as work:
            yield work

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        admissible = []
        for actor in actors:
            with suppress(SessionEnded, InsufficientScope), self.reading(actor):
                admissible.append(actor)
        return admissible

    def get_or_create_secret(self, name: str) -> bytes:
        return self._secrets.setdefault(name, secrets.token_bytes(32))

    def rotate_secret(self, name: str) -> bytes:
        self._secrets[name] = secrets.token_bytes(32)
        return self._secrets[name]

    def ready(self) -> None:
        pass

    def close(self) -> None:
        pass

    @contextmanager
    def _work(self, actor: ActorT, *, writable: bool) -> Iterator[MemoryUnitOfWork[ActorT]]:
        if self._lock_owner == get_ident():
            raise RuntimeError("A unit of work is open in this thread already.")
        with self._lock:
            self._lock_owner = get_ident()
            transaction = Transaction(self._data, writable=writable)
            try:
                self._admit(actor, Scope.TASKS_WRITE if writable else Scope.TASKS_READ)
                work = self._open(transaction, actor)
                yield work
                transaction.require_success()
                if writable and not isinstance(actor, SystemActor):
                    work.quotas.require(self._limits)
                changed = work.feed.flush(work.now, work.tasks.revoked)
            except BaseException:
                transaction.roll_back()
                raise
            finally:
                transaction.close()
                self._lock_owner = None
        if self._audit_log is not None:
            for event in work.activity.added:
                self._audit_log.write(event)
        if self._publisher is not None and changed:
            self._publisher.publish(changed)
        if self._jobs_added is not None and work.jobs.has_added:
            self._jobs_added.set()
        if self._deliveries_added is not None and work.deliveries.has_added:
            self._deliveries_added.set()

    def _open(self, transaction: Transaction, actor: ActorT) -> MemoryUnitOfWork[ActorT]:
        user = None if isinstance(actor, SystemActor) else self._data.users.get(actor.user_id)
        time_zone = user.time_zone if user else DEFAULT_TIME_ZONE
        epoch = self.get_or_create_secret(EPOCH)
        return MemoryUnitOfWork(transaction, actor, self._clock.now(), time_zone, self._ids, epoch)

    def _admit(self, actor: AnyActor, scope: Scope) -> None:
        if isinstance(actor, TokenActor):
            self._admit_token(actor, scope)
        elif isinstance(actor, SessionActor):
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
        if is_use_due(token.last_used_at, self._clock.now()):
            self._data.api_tokens.set(token.id, replace(token, last_used_at=self._clock.now()))

    def _admit_session(self, actor: SessionActor) -> None:
        """Check the session and confirm its generation. The confirmation stays if the unit of work fails later."""
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
        if isinstance(actor, AdminActor) and not user.is_admin:
            raise AdminRequired
        if actor.generation > session.confirmed_generation:
            confirmed = replace(session, confirmed_generation=actor.generation, used_at=self._clock.now())
            self._data.sessions.set(session.id, confirmed)
