"""Rows stored before a migration are found after it like new rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, create_engine, insert, select, table
from sqlalchemy.pool import NullPool

from tasktracker.adapters.sql import migrate, schema
from tasktracker.adapters.sql.engine import open_database
from tasktracker.adapters.sql.store import SqlStore
from tasktracker.adapters.sql.urls import database_url
from tasktracker.adapters.system import Uuid7Generator
from tasktracker.domain.accounts.user import User, username_key
from tasktracker.domain.categories.category import name_key
from tasktracker.domain.feed.items import ItemType
from tasktracker.domain.kernel.members import Member, Role
from tasktracker.domain.sync.service import DEFAULT_TYPES
from tasktracker.domain.tasks.query import TaskQuery, TaskSort, words_of
from tasktracker.domain.tasks.task import Priority, State, Task
from tests.device import Device
from tests.fakes import START, SYSTEM, App, ManualClock, SequentialIds
from tests.reference import expected_list

TITLES = (
    "Buy milk",
    "Stra\u00dfe",
    "STRASSE",
    "caf\u00e9",
    "CAFE\u0301",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2",
    "\u0130stanbul",
    "\U0001f469\u200d\U0001f4bb",
    "100%_\\",
    "\uffff",
    "\U00010000",
    "'; DROP TABLE tasks; --",
)
COLUMNS_BEFORE = {
    "users": (
        "id username username_key email email_key first_name last_name time_zone is_admin is_active password_hash "
        "created_at version"
    ),
    "categories": "id user_id name name_key description color created_at updated_at version",
    "tasks": (
        "id title description priority state due_date category created_by created_at updated_at completed_at version"
    ),
}
Rows = list[dict[str, Any]]


@pytest.fixture
def url(url: str) -> str:
    """A database at revision 0002."""
    migrate.upgrade(url, "0002")
    return url


def stored(url: str, name: str) -> Rows:
    """Return the rows of a table, with the columns of revision 0002."""
    before = table_before(name)
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(select(before).order_by(before.c.id)).mappings()]


def store(url: str, name: str, rows: Rows) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(insert(table_before(name)), rows)


def table_before(name: str) -> Any:
    types = schema.metadata.tables[name].c
    return table(name, *(column(each, types[each].type) for each in COLUMNS_BEFORE[name].split()))


def rows_of_users(ids: SequentialIds) -> Rows:
    return [
        {
            "id": ids.new(),
            "username": name,
            "username_key": username_key(name),
            "email": None,
            "email_key": None,
            "first_name": "",
            "last_name": "",
            "time_zone": "UTC",
            "is_admin": False,
            "is_active": True,
            "password_hash": "hash",
            "created_at": START,
            "version": 1,
        }
        for name in ("alice", "bob")
    ]


def tasks_of(ids: SequentialIds, user_id: UUID, category: UUID | None, number: int) -> Rows:
    states = list(State)
    return [
        {
            "id": ids.new(),
            "title": TITLES[position % len(TITLES)],
            "description": TITLES[position % 7] if position % 3 else "",
            "priority": int(list(Priority)[position % 4]),
            "state": states[position % 4].value,
            "due_date": None if position % 2 else START + timedelta(hours=position % 11),
            "category": category if position % 5 == 0 else None,
            "created_by": user_id,
            "created_at": START + timedelta(minutes=position % 17),
            "updated_at": START + timedelta(days=1, minutes=position % 13),
            "completed_at": START if states[position % 4] is State.DONE else None,
            "version": 1 + position % 3,
        }
        for position in range(number)
    ]


def migrated(row: dict[str, Any]) -> Task:
    values = row | {"priority": Priority(row["priority"]), "state": State(row["state"])}
    return Task(**values, root=row["id"], root_category=row["category"], owner=row["created_by"])


@pytest.fixture
def rows(url: str) -> Rows:
    """The tasks stored at revision 0002: more than one batch of the migration."""
    ids = SequentialIds()
    users = rows_of_users(ids)
    category = {
        "id": ids.new(),
        "user_id": users[0]["id"],
        "name": "Home",
        "name_key": name_key("Home"),
        "description": "",
        "color": None,
        "created_at": START,
        "updated_at": START,
        "version": 1,
    }
    tasks = tasks_of(ids, users[0]["id"], category["id"], 1100) + tasks_of(ids, users[1]["id"], None, 30)
    store(url, "users", users)
    store(url, "categories", [category])
    store(url, "tasks", tasks)
    return tasks


def id_of(task: Any) -> str:
    return str(task.id)


def every(sql: SqlStore, viewer: UUID, query: TaskQuery) -> Sequence[Task]:
    with sql.reading(SYSTEM) as work:
        return work.tasks.list(viewer, query).items


def test_migrated_tasks_can_be_listed_searched_and_edited(url: str, rows: Rows) -> None:
    migrate.upgrade(url)
    clock = ManualClock()
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        sql.ready()
        tasks = [migrated(row) for row in rows]
        category = rows[0]["category"]
        for user_id in {row["created_by"] for row in rows}:
            for sort in TaskSort:
                query = TaskQuery(at=START, sort=sort, limit=2000)
                assert every(sql, user_id, query) == expected_list(query, user_id, tasks)
            for search in (*TITLES, "strasse", "cafe\u0301", "%", "nowhere"):
                query = TaskQuery(at=START, words=words_of(search), limit=2000)
                found = every(sql, user_id, query)
                assert found == expected_list(query, user_id, tasks)
                assert bool(found) is (search != "nowhere")
            query = TaskQuery(at=START, category=category, role=Role.OWNER, parent="none", overdue=True, limit=2000)
            assert every(sql, user_id, query) == expected_list(query, user_id, tasks)
        with sql.reading(SYSTEM) as work:
            assert list(work.tasks.tree(tasks[0].id)) == [tasks[0]]
            assert list(work.history.list(tasks[0].id, None, 10).items) == []


def test_a_downgrade_keeps_every_task_including_the_trash(url: str, rows: Rows) -> None:
    before = {name: stored(url, name) for name in COLUMNS_BEFORE}
    assert before["tasks"] == sorted(rows, key=lambda row: str(row["id"]))
    migrate.upgrade(url)
    assert {name: stored(url, name) for name in COLUMNS_BEFORE} == before
    migrate.downgrade(url, "0002")
    assert {name: stored(url, name) for name in COLUMNS_BEFORE} == before
    migrate.upgrade(url)

    clock = ManualClock()
    clock.advance(days=2)
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        app = App(sql, clock)
        actor = app.actor(app.registration.register({"username": "carol"}, "correct horse"))
        with sql.reading(SYSTEM) as work:
            alice: User | None = work.users.find_by_login("alice")
        assert alice is not None
        top = app.do(actor, app.tasks.create, {"title": "top", "start_on": date(2026, 3, 1)})
        below = app.do(actor, app.tasks.create, {"title": "below", "parent": top.id})
        app.do(actor, app.sharing.share, top.id, "alice", Role.EDITOR)
        assert app.see(actor, app.tasks.get, below.id).members == (Member(alice.id, Role.EDITOR),)
        app.do(actor, app.trash.delete, top.id)
    migrate.downgrade(url, "0002")
    assert [row["title"] for row in stored(url, "tasks")[-2:]] == ["top", "below"]
    migrate.upgrade(url)
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        app = App(sql, clock)
        listed = app.see(actor, app.tasks.list, TaskQuery(at=START, sort=TaskSort.TITLE)).items
        assert [(task.title, task.parent, task.root == task.id, task.members) for task in listed] == [
            ("below", None, True, ()),
            ("top", None, True, ()),
        ]


def test_devices_get_the_tasks_stored_before_feeds(url: str, rows: Rows) -> None:
    migrate.upgrade(url)
    clock = ManualClock()
    clock.advance(days=2)
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        app = App(sql, clock)
        carol, dave = (
            app.actor(app.registration.register({"username": name}, "correct horse")) for name in ("carol", "dave")
        )
        category = app.do(carol, app.categories.create, {"name": "Home"})
        shared = app.do(carol, app.tasks.create, {"title": "shared", "category": category.id})
        below = app.do(carol, app.tasks.create, {"title": "below", "parent": shared.id})
        app.do(carol, app.sharing.share, shared.id, "dave", Role.VIEWER)
        trashed = app.do(carol, app.tasks.create, {"title": "trashed"})
        app.do(carol, app.sharing.share, trashed.id, "dave", Role.EDITOR)
        app.do(carol, app.trash.delete, trashed.id)
    migrate.downgrade(url, "0003")
    migrate.upgrade(url)
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        app = App(sql, clock)
        for actor, seen in ((carol, {category.id, shared.id, below.id}), (dave, {shared.id, below.id})):
            device = Device(app.sync, actor)
            device.catch_up(2)
            assert {id_ for _, id_ in device.items} == seen
            device.require_in_sync()
        device = Device(app.sync, dave)
        device.catch_up()
        restored = app.do(carol, app.trash.restore, trashed.id)
        edited = app.do(carol, app.tasks.edit, shared.id, {"title": "edited"})
        assert [found.item for found in device.pull().items] == [restored, edited]
        device.require_in_sync()
        for user_id in {row["created_by"] for row in rows}:
            with sql.reading(SYSTEM) as work:
                page = work.feed.page(user_id, 0, 2000, DEFAULT_TYPES)
                assert work.feed.state(user_id).head == len(page)
            synced = [found.item for found in page if found.entry.type is ItemType.TASK]
            assert sorted(synced, key=id_of) == sorted(
                (migrated(row) for row in rows if row["created_by"] == user_id), key=id_of
            )
            assert [found.sequence for found in page] == list(range(1, len(page) + 1))


def test_deletions_swept_before_feeds_had_a_mark_are_not_forgotten(url: str) -> None:
    migrate.upgrade(url, "0006")
    (user, _) = rows_of_users(SequentialIds())
    store(url, "users", [user])
    clock = ManualClock()
    keys, feeds = schema.idempotency_keys.c, schema.feeds.c
    types = {name: keys[name].type for name in ("user_id", "key", "fingerprint", "result")}
    keys_before = table(
        "idempotency_keys",
        *(column(name, type_) for name, type_ in types.items()),
        column("created_at", keys.expires_at.type),
    )
    feeds_before = table("feeds", column("user_id", feeds.user_id.type), column("head"))
    result = {"user_id": user["id"], "key": "key", "fingerprint": b"f", "result": b"r", "created_at": START}
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(insert(keys_before), [result])
        connection.execute(insert(feeds_before), [{"user_id": user["id"], "head": 3}])
    migrate.upgrade(url)
    with closing(SqlStore(open_database(url), clock, Uuid7Generator())) as sql:
        with sql.writing(SYSTEM) as work:
            assert work.feed.state(user["id"]).swept == 3
            record = work.idempotency.claim(user["id"], "key")
        assert record is not None
        assert record.expires_at == START + timedelta(days=30)
    migrate.downgrade(url, "0006")
    migrate.upgrade(url)
