"""Units of work on an SQL database."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, or_, select, text, update

from tasktracker.adapters.change_log import WorkChangeLog
from tasktracker.adapters.sql.account_directory import SqlAccountDirectory
from tasktracker.adapters.sql.activity import SqlActivity
from tasktracker.adapters.sql.api_tokens import SqlApiTokens, scopes_of
from tasktracker.adapters.sql.bulk import SqlBulkRepository
from tasktracker.adapters.sql.categories import SqlCategories
from tasktracker.adapters.sql.connection import Connection
from tasktracker.adapters.sql.database import Database
from tasktracker.adapters.sql.deliveries import SqlDeliveries
from tasktracker.adapters.sql.driver import DRIVER_ERRORS
from tasktracker.adapters.sql.feed import SqlFeed
from tasktracker.adapters.sql.history import SqlHistory
from tasktracker.adapters.sql.idempotency import SqlIdempotency
from tasktracker.adapters.sql.import_jobs import SqlImportJobs
from tasktracker.adapters.sql.invites import SqlInvites
from tasktracker.adapters.sql.jobs import SqlJobs
from tasktracker.adapters.sql.links import SqlLinks
from tasktracker.adapters.sql.notifications import SqlNotifications
from tasktracker.adapters.sql.reminders import SqlReminders
from tasktracker.adapters.sql.schema import api_tokens, secrets, sessions, users
from tasktracker.adapters.sql.second_factors import SqlSecondFactors
from tasktracker.adapters.sql.service_settings import SqlServiceSettings
from tasktracker.adapters.sql.sessions import SqlSessions
from tasktracker.adapters.sql.share_invitations import SqlShareInvitations
from tasktracker.adapters.sql.statistics import SqlStatistics
from tasktracker.adapters.sql.tasks import SqlTasks
from tasktracker.adapters.sql.tickets import SqlTickets
from tasktracker.adapters.sql.trash import SqlTrash
from tasktracker.adapters.sql.usage import SqlQuotas, SqlUsage
from tasktracker.adapters.sql.users import SqlUsers
from tasktracker.domain.accounts.quota import UNLIMITED, Quotas
from tasktracker.domain.activity.ports import AuditLog
from tasktracker.domain.api_tokens.api_token import is_use_due
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
from tasktracker.domain.kernel.errors import (
    AdminRequired,
    InsufficientScope,
    SessionEnded,
    StorageUnavailable,
    Unavailable,
)
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE
from tasktracker.domain.sync.ports import FeedPublisher

_ADMIT = (
    select(sessions.c.confirmed_generation, users.c.is_admin, users.c.time_zone)
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.user_id == bindparam("user_id"),
        sessions.c.generation >= bindparam("generation"),
        sessions.c.idle_until > bindparam("now"),
        sessions.c.ends_at > bindparam("now"),
        users.c.is_active,
    )
)
_ADMISSIBLE = (
    select(sessions.c.id, sessions.c.user_id, sessions.c.generation)
    .join(users, users.c.id == sessions.c.user_id)
    .where(
        sessions.c.id.in_(bindparam("ids", expanding=True)),
        sessions.c.idle_until > bindparam("now"),
        sessions.c.ends_at > bindparam("now"),
        users.c.is_active,
    )
)
_ADMIT_TOKEN = (
    select(api_tokens.c.scopes, api_tokens.c.last_used_at, users.c.time_zone)
    .join(users, users.c.id == api_tokens.c.user_id)
    .where(
        api_tokens.c.id == bindparam("token_id"),
        api_tokens.c.user_id == bindparam("user_id"),
        api_tokens.c.secret_hash == bindparam("secret_hash"),
        or_(api_tokens.c.expires_at.is_(None), api_tokens.c.expires_at > bindparam("now")),
        users.c.is_active,
    )
)
_CONFIRM = (
    update(sessions)
    .where(
        sessions.c.id == bindparam("session_id"),
        sessions.c.confirmed_generation < bindparam("confirmed"),
    )
    .values(confirmed_generation=bindparam("confirmed"), used_at=bindparam("now"))
)
_USE_TOKEN = update(api_tokens).where(api_tokens.c.id == bindparam("token_id")).values(last_used_at=bindparam("now"))
_SECRET = select(secrets.c.value).where(secrets.c.name == bindparam("name"))
_NEW_SECRET = text("INSERT INTO secrets (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
_NEWER_SECRET = text(
    "INSERT INTO secrets (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


Repository = TypeVar("Repository")


class RepositoryAttribute(Generic[Repository]):
    """A repository of a unit of work, created when the attribute is read."""

    def __init__(self, make: Callable[[Connection], Repository]) -> None:
        self._make = make

    def __get__(self, work: SqlUnitOfWork[AnyActor], _type: object) -> Repository:
        return self._make(work.connection)


class SqlUnitOfWork(Generic[ActorT_co]):
    """Implements UnitOfWork."""

    __slots__ = (
        "_ids",
        "activity",
        "actor",
        "connection",
        "deliveries",
        "feed",
        "jobs",
        "made_at",
        "now",
        "tasks",
        "time_zone",
        "usage",
    )

    users = RepositoryAttribute(SqlUsers)
    sessions = RepositoryAttribute(SqlSessions)
    directory = RepositoryAttribute(SqlAccountDirectory)
    statistics = RepositoryAttribute(SqlStatistics)
    history = RepositoryAttribute(SqlHistory)
    import_jobs = RepositoryAttribute(SqlImportJobs)
    idempotency = RepositoryAttribute(SqlIdempotency)
    second_factors = RepositoryAttribute(SqlSecondFactors)
    links = RepositoryAttribute(SqlLinks)
    invites = RepositoryAttribute(SqlInvites)
    service_settings = RepositoryAttribute(SqlServiceSettings)
    share_invitations = RepositoryAttribute(SqlShareInvitations)
    api_tokens = RepositoryAttribute(SqlApiTokens)
    tickets = RepositoryAttribute(SqlTickets)
    notifications = RepositoryAttribute(SqlNotifications)

    def __init__(
        self,
        connection: Connection,
        actor: ActorT_co,
        now: datetime,
        time_zone: str,
        ids: IdGenerator,
        limits: Quotas = UNLIMITED,
    ) -> None:
        self.connection = connection
        self.actor = actor
        self.now = now
        self.time_zone = time_zone
        self.made_at: datetime | None = None
        self._ids = ids
        # These collect additions until the unit of work ends.
        self.activity = SqlActivity(connection)
        self.usage = SqlUsage(connection, None if isinstance(actor, SystemActor) else limits)
        self.feed = SqlFeed(connection, self.usage)
        self.tasks = SqlTasks(connection, self.usage)
        self.deliveries = SqlDeliveries(connection)
        self.jobs = SqlJobs(connection)

    @property
    def quotas(self) -> SqlQuotas:
        return SqlQuotas(self.connection, self.usage)

    @property
    def trash(self) -> SqlTrash:
        return SqlTrash(self.connection, self.tasks, self.usage)

    @property
    def categories(self) -> SqlCategories:
        return SqlCategories(self.connection, self.usage)

    @property
    def bulk(self) -> SqlBulkRepository:
        return SqlBulkRepository(self.connection, self.usage)

    @property
    def reminders(self) -> SqlReminders:
        return SqlReminders(self.connection, self.tasks.without_reminders)

    @property
    def changes(self) -> WorkChangeLog:
        return WorkChangeLog(self.actor, self.now, self._ids, self.history, self.feed, self.reminders, self.made_at)


class SqlStore:
    """Implements Storage."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdGenerator,
        audit_log: AuditLog | None = None,
        publisher: FeedPublisher | None = None,
        jobs_added: Event | None = None,
        deliveries_added: Event | None = None,
        limits: Quotas = UNLIMITED,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._jobs_added = jobs_added
        self._deliveries_added = deliveries_added
        self._clock = clock
        self._ids = ids
        self._audit_log = audit_log
        self._limits = limits

    @contextmanager
    def reading(self, actor: ActorT) -> Iterator[SqlUnitOfWork[ActorT]]:
        try:
            with self._database.reading() as connection:
                now = self._clock.now()
                is_recorded, time_zone = self._admit(connection, actor, Scope.TASKS_READ, now)
                if not is_recorded and isinstance(actor, SessionActor):
                    with self._database.changing(connection) as changing:
                        self._record_use(changing, actor, now)
                yield SqlUnitOfWork(connection, actor, now, time_zone, self._ids, self._limits)
        except DRIVER_ERRORS:
            self.ready()  # the schema may be of another version, which lacks a table or column
            raise
        if not is_recorded and isinstance(actor, TokenActor):
            # This runs after the unit of work: if nothing can be written, reads still work.
            with suppress(Unavailable), self._database.writing() as connection:
                self._record_use(connection, actor, now)

    @contextmanager
    def snapshot(self, actor: ActorT) -> Iterator[SqlUnitOfWork[ActorT]]:
        if isinstance(actor, SessionActor):
            # Confirm the generation first, because a snapshot cannot write.
            with self.reading(actor):
                pass
        try:
            with self._database.snapshot() as connection:
                now = self._clock.now()
                _, time_zone = self._admit(connection, actor, Scope.TASKS_READ, now)
                yield SqlUnitOfWork(connection, actor, now, time_zone, self._ids, self._limits)
        except DRIVER_ERRORS:
            self.ready()
            raise

    @contextmanager
    def writing(self, actor: ActorT) -> Iterator[SqlUnitOfWork[ActorT]]:
        changed: Collection[UUID] = ()
        while True:
            with self._database.writing() as connection:
                now = self._clock.now()
                is_recorded, time_zone = self._admit(connection, actor, Scope.TASKS_WRITE, now)
                if not is_recorded:
                    # This is recorded in a separate transaction, so that it stays even if the unit of work fails.
                    self._record_use(connection, actor, now)
                    continue
                work = SqlUnitOfWork(connection, actor, now, time_zone, self._ids, self._limits)
                yield work
                # After a failed statement, PostgreSQL would silently roll back, and SQLite would commit the other
                # statements.
                if connection.failure is not None:
                    raise connection.failure
                changed = work.feed.flush(now, work.tasks.revoked)
            break
        if self._audit_log is not None:
            for event in work.activity.added:
                self._audit_log.write(event)
        if self._publisher is not None and changed:
            self._publisher.publish(changed)
        if work.jobs.has_added:
            if work.jobs.needs_number:
                self._number_jobs()
            if self._jobs_added is not None:
                self._jobs_added.set()
        if self._deliveries_added is not None and work.deliveries.has_added:
            self._deliveries_added.set()

    def _number_jobs(self) -> None:
        """Number committed jobs. If this fails, the next claim of a job does it."""
        with suppress(StorageUnavailable), self._database.writing() as connection:
            SqlJobs(connection).number()

    def filter_admissible(self, actors: Collection[Actor]) -> Collection[Actor]:
        session_actors = [actor for actor in actors if isinstance(actor, SessionActor)]
        with self._database.reading() as connection:
            ids = [actor.session_id for actor in session_actors]
            rows = connection.rows_of_many(_ADMISSIBLE, "ids", ids, {"now": self._clock.now()})
            found = {row[0]: row[1:] for row in rows}
            admissible: list[Actor] = [
                actor
                for actor in session_actors
                if (row := found.get(actor.session_id)) and row[0] == actor.user_id and actor.generation <= row[1]
            ]
            for actor in actors:
                if isinstance(actor, TokenActor):
                    with suppress(SessionEnded, InsufficientScope):
                        self._admit_token(connection, actor, Scope.TASKS_READ, self._clock.now())
                        admissible.append(actor)
        return admissible

    def get_or_create_secret(self, name: str) -> bytes:
        found = self._secret(name)
        while found is None:
            # The first process to write decides; others read its value.
            with self._database.writing() as connection:
                connection.change(_NEW_SECRET, {"name": name, "value": random.token_bytes(32)})
            found = self._secret(name)
        return found

    def rotate_secret(self, name: str) -> bytes:
        value = random.token_bytes(32)
        with self._database.writing() as connection:
            connection.change(_NEWER_SECRET, {"name": name, "value": value})
        return value

    def ready(self) -> None:
        self._database.check()

    def close(self) -> None:
        self._database.close()

    def _admit(self, connection: Connection, actor: AnyActor, scope: Scope, now: datetime) -> tuple[bool, str]:
        """Check that the actor may act, and return whether its use is already recorded, and the user's time zone.

        Raises SessionEnded, InsufficientScope and AdminRequired.
        """
        if isinstance(actor, SessionActor):
            return self._admit_session(connection, actor, now)
        if isinstance(actor, TokenActor):
            return self._admit_token(connection, actor, scope, now)
        return True, DEFAULT_TIME_ZONE

    def _admit_token(self, connection: Connection, actor: TokenActor, scope: Scope, now: datetime) -> tuple[bool, str]:
        row = connection.one(
            _ADMIT_TOKEN,
            {"token_id": actor.token_id, "user_id": actor.user_id, "secret_hash": actor.secret_hash, "now": now},
        )
        if row is None:
            raise SessionEnded
        scopes, last_used_at, time_zone = row
        if scope not in scopes_of(scopes):
            raise InsufficientScope(scope)
        return not is_use_due(last_used_at, now), time_zone

    def _admit_session(self, connection: Connection, actor: SessionActor, now: datetime) -> tuple[bool, str]:
        row = connection.one(
            _ADMIT,
            {
                "session_id": actor.session_id,
                "user_id": actor.user_id,
                "generation": actor.generation,
                "now": now,
            },
        )
        if row is None:
            raise SessionEnded
        confirmed, is_admin, time_zone = row
        if isinstance(actor, AdminActor) and not is_admin:
            raise AdminRequired
        return actor.generation <= confirmed, time_zone

    def _record_use(self, connection: Connection, actor: AnyActor, now: datetime) -> None:
        """Confirm the generation of a session, or store when an API token was used."""
        if isinstance(actor, SessionActor):
            parameters = {"session_id": actor.session_id, "confirmed": actor.generation, "now": now}
            connection.change(_CONFIRM, parameters)
        elif isinstance(actor, TokenActor):
            connection.change(_USE_TOKEN, {"token_id": actor.token_id, "now": now})

    def _secret(self, name: str) -> bytes | None:
        with self._database.reading() as connection:
            found: bytes | None = connection.value(_SECRET, {"name": name})
        return found
