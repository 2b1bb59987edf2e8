"""Many tasks, generated in the database: to insert a million through the service would take an hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from tasktracker.domain.kernel.actors import SessionActor

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = "letter", "report", "garden", "invoice", "ticket"


def actor(number: int) -> SessionActor:
    """Return the user that `add_user` adds under this number, with the session."""
    return SessionActor(UUID(int=number << 64 | 1), UUID(int=number << 64 | 2), 1)


def add_user(connection: Connection, number: int) -> SessionActor:
    """Add a user with a session that does not expire."""
    added = actor(number)
    far = NOW + timedelta(days=36500)
    moments = {"now": _moment(connection, NOW), "far": _moment(connection, far)}
    connection.execute(
        text(
            "INSERT INTO users (id, username, username_key, first_name, last_name, time_zone, is_admin, is_active,"
            " password_hash, created_at, version)"
            " VALUES (:id, :name, :key, '', '', 'UTC', false, true, '', :now, 1)"
        ),
        {"id": _id(connection, added.user_id), "name": f"user{number}", "key": f"user{number}", "now": moments["now"]},
    )
    connection.execute(
        text(
            "INSERT INTO sessions (id, user_id, generation, confirmed_generation, created_at, rotated_at, used_at,"
            " idle_until, ends_at) VALUES (:id, :user_id, 1, 1, :now, :now, :now, :far, :far)"
        ),
        {"id": _id(connection, added.session_id), "user_id": _id(connection, added.user_id), **moments},
    )
    return added


def category_id(user_id: UUID, number: int) -> UUID:
    """Return the id of the category that `add_category` adds under this number."""
    return UUID(int=user_id.int | 1000 + number)


def add_category(connection: Connection, user_id: UUID, number: int) -> UUID:
    """Add a category of a user."""
    added = category_id(user_id, number)
    connection.execute(
        text(
            "INSERT INTO categories (id, user_id, name, name_key, description, created_at, updated_at, version)"
            " VALUES (:id, :user_id, :name, :key, '', :now, :now, 1)"
        ),
        {
            "id": _id(connection, added),
            "user_id": _id(connection, user_id),
            "name": f"category {number}",
            "key": f"category {number}",
            "now": _moment(connection, NOW),
        },
    )
    return added


def add_members(connection: Connection, category_id: UUID, owner: UUID, editors: Sequence[UUID]) -> None:
    """Share a category, before `fill_entries`."""
    connection.execute(
        text(
            "INSERT INTO category_members (category_id, user_id, role, since, is_ready)"
            " VALUES (:category_id, :user_id, :role, 0, true)"
        ),
        [
            {
                "category_id": _id(connection, category_id),
                "user_id": _id(connection, user_id),
                "role": "owner" if user_id == owner else "editor",
            }
            for user_id in (owner, *editors)
        ],
    )


def add_tasks(
    connection: Connection,
    user_id: UUID,
    count: int,
    *,
    category: UUID | None = None,
    filed: int = 10,
    shared_with: UUID | None = None,
    minutes: int = 1,
) -> None:
    """Add tasks, a tenth of them done, created at intervals of so many minutes, each due in the year.

    A tenth of them are due on a day, the others at a moment.

    One in `filed` of them is in the category.
    """
    parameters = {
        "user_id": _id(connection, user_id),
        "count": count,
        "filed": filed,
        "minutes": minutes,
        "category": category and _id(connection, category),
        "members": f"{shared_with}:viewer" if shared_with else "",
    }
    if connection.dialect.name == "postgresql":
        series = "generate_series(1, :count) AS n"
        new_id, at = "gen_random_uuid()", f"timestamptz '{NOW.isoformat()}' + n * :minutes * interval '1 minute'"
        due = f"timestamptz '{NOW.isoformat()}' + (n * CAST(7919 AS BIGINT) % 365) * interval '1 day'"
        day = f"CAST({due} AS date)"
    else:
        series = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < :count) SELECT n FROM s)"
        new_id = "lower(hex(randomblob(16)))"
        start = NOW.strftime("%Y-%m-%d %H:%M:%S")
        at = f"strftime('%Y-%m-%d %H:%M:%S', '{start}', (n * :minutes) || ' minutes') || '.000000+00:00'"
        due = (
            f"strftime('%Y-%m-%d %H:%M:%S', '{start}', (n * CAST(7919 AS BIGINT) % 365) || ' days') || '.000000+00:00'"
        )
        day = f"substr({due}, 1, 10)"
    words = "CASE n % 5 " + " ".join(f"WHEN {number} THEN '{word}'" for number, word in enumerate(WORDS)) + " END"
    uuid = "uuid" if connection.dialect.name == "postgresql" else "text"
    category_id = f"CASE WHEN n % :filed = 1 % :filed THEN CAST(:category AS {uuid}) END"
    insert = (
        "INSERT INTO tasks (id, title, description, search, priority, state, due_date, due_on, category, root, members,"  # noqa: S608  # from names in this function
        " root_category, owner, created_by, created_at, updated_at, version)"
        " SELECT id, title, '', title || '\n', 1 + n % 4, CASE WHEN n % 10 = 0 THEN 'done' ELSE 'open' END,"
        " CASE WHEN n % 10 <> 3 THEN due END, CASE WHEN n % 10 = 3 THEN day END,"
        f" {category_id}, id, :members, {category_id}, CAST(:user_id AS {uuid}), CAST(:user_id AS {uuid}), at, at, 1"
        f" FROM (SELECT n, {new_id} AS id, {words} || ' ' || n AS title, {at} AS at, {due} AS due, {day} AS day"
        f" FROM {series}) AS t"
    )
    connection.execute(text(insert), parameters)


def fill_entries(connection: Connection) -> None:
    """Add the entries of all tasks for the users who see them."""
    owner = (
        "INSERT INTO task_entries (task_id, user_id, role, title_key, priority, state, due_date, due_on, category,"
        " parent, created_at, updated_at, trashed_at)"
        " SELECT t.id, {user}, {role}, rtrim(t.search, '\n'), t.priority, t.state, t.due_date, t.due_on, {category},"
        " t.parent, t.created_at, t.updated_at, t.trashed_at FROM tasks t {where}"
    )
    connection.execute(text(owner.format(user="t.owner", role="'owner'", category="t.category", where="")))
    if connection.dialect.name == "postgresql":
        member = "CAST(substr(t.members, 1, 36) AS uuid)"
    else:
        member = "replace(substr(t.members, 1, 36), '-', '')"
    shared = owner.format(user=member, role="'viewer'", category="NULL", where="WHERE t.members <> ''")
    connection.execute(text(shared))
    listed = (
        "INSERT INTO task_entries (task_id, user_id, role, via, title_key, priority, state, due_date, due_on, category,"
        " parent, created_at, updated_at, trashed_at)"
        " SELECT t.id, m.user_id, m.role, m.category_id, rtrim(t.search, '\n'), t.priority, t.state, t.due_date,"
        " t.due_on, m.category_id, t.parent, t.created_at, t.updated_at, t.trashed_at"
        " FROM category_members m JOIN tasks t ON t.root_category = m.category_id AND t.owner <> m.user_id"
    )
    connection.execute(text(listed))


def fill_feeds(connection: Connection) -> None:
    """Add the feed of every user, with all tasks that the user sees."""
    connection.execute(
        text(
            "INSERT INTO feed_items (user_id, type, id, sequence, version, op, reason, recorded_at)"
            " SELECT e.user_id, 'task', t.id, row_number() OVER (PARTITION BY e.user_id ORDER BY t.created_at, t.id),"
            " t.version, 'upsert', NULL, t.updated_at FROM task_entries e JOIN tasks t ON t.id = e.task_id"
        )
    )
    connection.execute(
        text("INSERT INTO feeds (user_id, head) SELECT user_id, count(*) FROM feed_items GROUP BY user_id")
    )


def _id(connection: Connection, value: UUID) -> object:
    return value if connection.dialect.name == "postgresql" else value.hex


def _moment(connection: Connection, value: datetime) -> object:
    return value if connection.dialect.name == "postgresql" else value.isoformat(" ", "microseconds")
