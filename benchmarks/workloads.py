"""The data of the benchmark, and the requests of each workload."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import create_engine, text

from benchmarks import crowd
from benchmarks.hashing import PASSWORD, hasher
from benchmarks.processes import SECRET
from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.tokens import JwtTokenSigner
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import SystemClock, Uuid7Generator
from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.feed.ports import EPOCH
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.time_zones import DEFAULT_TIME_ZONE
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.entrypoints.http.changes import SyncCursors
from tasktracker.entrypoints.http.core.cursors import STORED_AS, Cursors
from tests.fakes import SYSTEM

PAGE, CHANGES = 20, 10
TOKEN_LIFE = timedelta(minutes=15)
Item = TypeVar("Item")


class Request(NamedTuple):
    """A request; a line of the file that load.lua reads."""

    method: str
    path: str
    token: str = ""
    header: str = ""
    value: str = ""
    body: str = ""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A filled database and the numbers of its users.

    The tasks of readers never change, but the tasks of writers do. Refreshers have sessions only; there are more of
    them than connections.
    """

    url: str
    readers: int = 32
    writers: int = 32
    refreshers: int = 512
    tasks: int = 200
    secret: bytes = b""
    epoch: bytes = b""

    @property
    def users(self) -> int:
        """The number of all users."""
        return self.readers + self.writers + self.refreshers

    def reading(self) -> Sequence[SessionActor]:
        """The users whose tasks never change."""
        return [crowd.actor(1 + number) for number in range(self.readers)]

    def writing(self) -> Sequence[SessionActor]:
        """The users whose tasks change."""
        return [crowd.actor(1 + self.readers + number) for number in range(self.writers)]

    def refreshing(self) -> Sequence[SessionActor]:
        """The users whose sessions are refreshed."""
        return [crowd.actor(1 + self.readers + self.writers + number) for number in range(self.refreshers)]

    def some_tasks(self, users: Sequence[SessionActor], each: int) -> Sequence[tuple[SessionActor, UUID, str]]:
        """Return some tasks of each user, one user after the other, with the values of their entity tags."""
        now = datetime.now(UTC)
        found = []
        with closing(_store(self.url)) as store, store.reading(SYSTEM) as work:
            for actor in users:
                tasks = work.tasks.list(actor.user_id, TaskQuery(at=now, limit=each)).items
                tags = [f"{task.version}{'.o' * task.is_overdue(now, DEFAULT_TIME_ZONE)}" for task in tasks]
                found.append([(actor, task.id, tag) for task, tag in zip(tasks, tags, strict=True)])
        return [task for turn in zip(*found, strict=True) for task in turn]

    def forget_refreshes(self) -> None:
        """Put the sessions back to their first generation."""
        engine = create_engine(database_url(self.url))
        with engine.begin() as connection:
            connection.execute(text("UPDATE sessions SET generation = 1, confirmed_generation = 1"))
        engine.dispose()


def fill(data: Data) -> Data:
    """Create the tables and fill them."""
    migrate.upgrade(data.url)
    engine = create_engine(database_url(data.url))
    with engine.begin() as connection:
        for number in range(data.users):
            actor = crowd.add_user(connection, 1 + number)
            if number < data.readers + data.writers:
                crowd.add_tasks(connection, actor.user_id, data.tasks)
        connection.execute(text("UPDATE users SET password_hash = :hash"), {"hash": hasher().hash(PASSWORD)})
        crowd.fill_entries(connection)
        crowd.fill_feeds(connection)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE"))
    engine.dispose()
    with closing(_store(data.url)) as store:
        secret, epoch = store.get_or_create_secret(STORED_AS), store.get_or_create_secret(EPOCH)
    return Data(**{**vars(data), "secret": secret, "epoch": epoch})


# -------------------------------------------------------------------------------------------------- requests


def _lists(data: Data) -> Sequence[Request]:
    return [_get(f"/api/tasks/?limit={PAGE}", actor) for actor in data.reading()]


def _single_tasks(data: Data) -> Sequence[Request]:
    return [_get(f"/api/tasks/{id_}/", actor) for actor, id_, _ in data.some_tasks(data.reading(), 10)]


def _known_tasks(data: Data) -> Sequence[Request]:
    tasks = data.some_tasks(data.reading(), 10)
    return [_get(f"/api/tasks/{id_}/", actor)._replace(header="If-None-Match", value=f'"{tag}"')
            for actor, id_, tag in tasks]  # fmt: skip


def _profiles(data: Data) -> Sequence[Request]:
    return [_get("/api/accounts/me/", actor) for actor in data.reading()]


def _deltas(data: Data) -> Sequence[Request]:
    sealed, now = SyncCursors(Cursors(lambda _: data.secret)), datetime.now(UTC)
    place = SyncCursor(data.epoch, data.tasks - CHANGES, data.tasks, now)
    return [_get(f"/api/sync/?cursor={sealed.seal(place, actor, DEFAULT_TYPES)}", actor) for actor in data.reading()]


def _creations(data: Data) -> Sequence[Request]:
    body = json.dumps({"title": "Water the plants", "description": "Those on the balcony, too.", "priority": 3})
    return [Request("POST", "/api/tasks/", token(actor), body=body) for actor in data.writing()]


def _edits(data: Data) -> Sequence[Request]:
    tasks = data.some_tasks(data.writing(), min(data.tasks, 20))
    return [Request("PATCH", f"/api/tasks/{id_}/", token(actor), "If-Match", f'"{tag}"', '{"description":"Changed."}')
            for actor, id_, tag in tasks]  # fmt: skip


def _refreshes(data: Data) -> Sequence[Request]:
    data.forget_refreshes()
    return [Request("POST", "/api/accounts/refresh/", body=f'{{"refresh":"{token(actor, TokenKind.REFRESH)}"}}')
            for actor in data.refreshing()]  # fmt: skip


def _logins(data: Data) -> Sequence[Request]:
    # By different users: the number of sessions of a user is limited.
    bodies = [{"username": f"user{1 + number}", "password": PASSWORD} for number in range(data.users)]
    return [Request("POST", "/api/accounts/login/", body=json.dumps(body)) for body in bodies]


@dataclass(frozen=True)
class Workload:
    """A kind of request. `mode` is one of load.lua; `requests` makes requests from the data stored at that moment."""

    name: str
    title: str
    mode: str
    is_write: bool
    requests: Callable[[Data], Sequence[Request]]


WORKLOADS = (
    Workload("list", f"list of {PAGE} tasks", "same", False, _lists),
    Workload("task", "one task", "same", False, _single_tasks),
    Workload("304", "conditional GET (304)", "same", False, _known_tasks),
    Workload("profile", "profile", "same", False, _profiles),
    Workload("delta", f"delta with {CHANGES} changes", "same", False, _deltas),
    Workload("create", "create", "same", True, _creations),
    Workload("patch", "patch with If-Match", "edit", True, _edits),
    Workload("refresh", "refresh", "refresh", True, _refreshes),
)

LOGIN = Workload("login", "login", "same", True, _logins)


def token(actor: SessionActor, kind: TokenKind = TokenKind.ACCESS) -> str:
    """Return a token of the first generation of a session, signed as the server does."""
    now = datetime.now(UTC)
    claims = TokenClaims(
        kind=kind,
        user_id=actor.user_id,
        session_id=actor.session_id,
        generation=actor.generation,
        issued_at=now,
        expires_at=now + TOKEN_LIFE,
    )
    return JwtTokenSigner(KeyRing([SECRET]), SystemClock()).sign(claims)


def _get(path: str, actor: SessionActor) -> Request:
    return Request("GET", path, token(actor))


def _store(url: str) -> SqlStore:
    return SqlStore(open_database(url, pool_size=2), SystemClock(), Uuid7Generator())
