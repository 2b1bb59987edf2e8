"""What is asked of the servers: the data that is there, and the requests of each workload."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import create_engine, text

from benchmarks import crowd
from benchmarks.processes import SECRET
from tasktracker.adapters.security.keys import KeyRing
from tasktracker.adapters.security.tokens import JwtTokenSigner
from tasktracker.adapters.sql import migrate
from tasktracker.adapters.sql.engine import database_url, open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.system import SystemClock
from tasktracker.domain.accounts.token import TokenClaims, TokenKind
from tasktracker.domain.actors import SessionActor
from tasktracker.domain.sync.cursor import SyncCursor
from tasktracker.domain.sync.ports import EPOCH
from tasktracker.domain.sync.service import ALL_TYPES
from tasktracker.domain.tasks.query import TaskQuery
from tasktracker.entrypoints.http.changes import SyncCursors
from tasktracker.entrypoints.http.cursors import KEPT_AS, Cursors

Item = TypeVar("Item")
READERS, WRITERS, REFRESHERS = 32, 32, 512
TASKS = 200
CHANGES = 10
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Workload:
    """A kind of request. `lines` makes the file that load.lua reads, on what is stored at the moment."""

    name: str
    title: str
    mode: str
    is_write: bool
    lines: Callable[[Data], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Data:
    """A database that was filled, and who is in it."""

    url: str
    secret: bytes
    epoch: bytes

    def readers(self) -> Sequence[SessionActor]:
        """Those whose tasks stay as they are."""
        return [_actor(number) for number in range(1, READERS + 1)]

    def writers(self) -> Sequence[SessionActor]:
        """Those whose tasks are changed."""
        return [_actor(number) for number in range(READERS + 1, READERS + WRITERS + 1)]

    def refreshers(self) -> Sequence[SessionActor]:
        """Those whose sessions are refreshed."""
        begin = READERS + WRITERS + 1
        return [_actor(number) for number in range(begin, begin + REFRESHERS)]

    def tasks(self, people: Sequence[SessionActor], each: int) -> Sequence[tuple[SessionActor, UUID, str]]:
        """Return some tasks of people, with their entity tags, without the quotes."""
        found = []
        now = datetime.now(UTC)
        store = SqlStore(open_database(self.url, pool_size=2), SystemClock())
        with closing(store), store.reading(None) as work:
            for actor in people:
                page = work.tasks.list(actor.user_id, TaskQuery(at=now, limit=each))
                found += [
                    (actor, task.id, f"{task.version}.o" if task.is_overdue(now) else str(task.version))
                    for task in page.items
                ]
        return found

    def forget_refreshes(self) -> None:
        """Put the sessions back to their first generation."""
        engine = create_engine(database_url(self.url))
        with engine.begin() as connection:
            connection.execute(text("UPDATE sessions SET generation = 1, confirmed_generation = 1"))
        engine.dispose()


def fill(url: str) -> Data:
    """Make the tables and all that is in them."""
    migrate.upgrade(url)
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        for number in range(1, READERS + WRITERS + REFRESHERS + 1):
            actor = crowd.add_user(connection, number)
            if number <= READERS + WRITERS:
                crowd.add_tasks(connection, actor.user_id, TASKS)
        crowd.fill_entries(connection)
        crowd.fill_feeds(connection)
    store = SqlStore(open_database(url, pool_size=2), SystemClock())
    secret, epoch = store.secret(KEPT_AS), store.secret(EPOCH)
    store.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if connection.dialect.name == "postgresql" else "ANALYZE"))
    engine.dispose()
    return Data(url, secret, epoch)


def _listed(data: Data) -> Sequence[Sequence[str]]:
    return [_get("/api/tasks/?limit=20", actor) for actor in data.readers()]


def _single(data: Data) -> Sequence[Sequence[str]]:
    return [_get(f"/api/tasks/{id_}/", actor) for actor, id_, _ in data.tasks(data.readers(), 10)]


def _known(data: Data) -> Sequence[Sequence[str]]:
    tasks = data.tasks(data.readers(), 10)
    return [_get(f"/api/tasks/{id_}/", actor, "If-None-Match", f'"{tag}"') for actor, id_, tag in tasks]


def _created(data: Data) -> Sequence[Sequence[str]]:
    body = json.dumps({"title": "Water the plants", "description": "Those on the balcony, too.", "priority": 3})
    return [("POST", "/api/tasks/", token(actor), "", "", body) for actor in data.writers()]


def _edited(data: Data) -> Sequence[Sequence[str]]:
    tasks = data.tasks(data.writers(), 20)
    return [(f"/api/tasks/{id_}/", token(actor), tag.partition(".")[0]) for actor, id_, tag in _spread(tasks, 20)]


def _profile(data: Data) -> Sequence[Sequence[str]]:
    return [_get("/api/accounts/me/", actor) for actor in data.readers()]


def _refreshed(data: Data) -> Sequence[Sequence[str]]:
    data.forget_refreshes()
    return [("/api/accounts/refresh/", token(actor, TokenKind.REFRESH)) for actor in data.refreshers()]


def _changed(data: Data) -> Sequence[Sequence[str]]:
    sealed = SyncCursors(Cursors(lambda _: data.secret))
    now = datetime.now(UTC)
    place = SyncCursor(data.epoch, TASKS - CHANGES, TASKS, now)
    return [_get(f"/api/sync/?cursor={sealed.seal(place, actor, ALL_TYPES)}", actor) for actor in data.readers()]


WORKLOADS = (
    Workload("list", "list of 20 tasks", "same", False, _listed),
    Workload("task", "one task", "same", False, _single),
    Workload("304", "conditional GET (304)", "same", False, _known),
    Workload("profile", "profile", "same", False, _profile),
    Workload("delta", f"delta with {CHANGES} changes", "same", False, _changed),
    Workload("create", "create", "same", True, _created),
    Workload("patch", "patch with If-Match", "edit", True, _edited),
    Workload("refresh", "refresh", "refresh", True, _refreshed),
)


def token(actor: SessionActor, kind: TokenKind = TokenKind.ACCESS) -> str:
    """Return a token of the first generation of a session, signed as the servers do."""
    now = datetime.now(UTC)
    claims = TokenClaims(
        kind=kind,
        user_id=actor.user_id,
        session_id=actor.session_id,
        generation=actor.generation,
        issued_at=now,
        expires_at=now + HOUR,
    )
    return JwtTokenSigner(KeyRing([SECRET])).sign(claims)


def _get(path: str, actor: SessionActor, name: str = "", value: str = "") -> Sequence[str]:
    return ("GET", path, token(actor), name, value, "")


def _spread(items: Sequence[Item], each: int) -> Sequence[Item]:
    """Return items that come in stretches of a length so that those of a stretch are far apart."""
    return [item for begin in range(each) for item in items[begin::each]]


def _actor(number: int) -> SessionActor:
    return SessionActor(UUID(int=number << 64 | 1), UUID(int=number << 64 | 2), 1)
