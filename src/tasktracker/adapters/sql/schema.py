"""The tables, and the types of their columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)
from sqlalchemy.types import UserDefinedType

from tasktracker.domain.accounts.invites import MAX_NOTE_LENGTH
from tasktracker.domain.accounts.session import MAX_DEVICE_LENGTH, MAX_USER_AGENT_LENGTH
from tasktracker.domain.accounts.user import MAX_EMAIL_LENGTH, MAX_PERSON_NAME_LENGTH, MAX_USERNAME_LENGTH
from tasktracker.domain.api_tokens.api_token import MAX_NAME_LENGTH as MAX_API_TOKEN_NAME_LENGTH
from tasktracker.domain.categories import category
from tasktracker.domain.tasks import task
from tasktracker.domain.tasks.task import Priority, State

_MIGRATIONS = Path(__file__).with_name("migrations") / "versions"
REVISION = max(file.name.partition("_")[0] for file in _MIGRATIONS.glob("[0-9]*.py"))
"""The newest migration, whose result is the tables in this module."""


class IsoMoment(UserDefinedType[datetime]):
    """A UTC time as text of fixed length, which sorts chronologically from the year 1 to 9999."""

    cache_ok = True
    load = staticmethod(datetime.fromisoformat)

    def get_col_spec(self, **_: object) -> str:
        return "VARCHAR(32)"

    def bind_processor(self, _dialect: Dialect) -> Callable[[datetime | None], str | None]:
        return _iso

    def result_processor(self, _dialect: Dialect, _column_type: object) -> Callable[[Any], datetime | None]:
        return _moment


def _iso(value: datetime | None) -> str | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("a time without an offset cannot be stored")
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "microseconds")


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


class HexId(Uuid[UUID]):
    """An id as 32 hexadecimal digits."""

    # Ids of users and categories appear in many rows. The cache is faster than parsing them again.
    load = staticmethod(lru_cache(maxsize=4096)(UUID))


# PostgreSQL has native types for both.
Moment = DateTime(timezone=True).with_variant(IsoMoment(), "sqlite")
Id = Uuid().with_variant(HexId(), "sqlite")

# Text is compared by code point, in any locale of the database. SQLite always does this.
Key = Text().with_variant(Text(collation="C"), "postgresql")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Id, nullable=False),
    Column("username", String(MAX_USERNAME_LENGTH), nullable=False),
    Column("username_key", Key, nullable=False),
    Column("email", String(MAX_EMAIL_LENGTH)),
    Column("email_key", Key),
    Column("first_name", String(MAX_PERSON_NAME_LENGTH), nullable=False),
    Column("last_name", String(MAX_PERSON_NAME_LENGTH), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("language", String(2), nullable=False, server_default="en"),
    Column("is_admin", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    # If mail is configured, this is a new address that is not verified yet. `email` stays unchanged until then.
    Column("pending_email", String(MAX_EMAIL_LENGTH)),
    Column("email_verified_at", Moment),
    # The last use of sessions that were ended all at once. Those that remain have their own.
    Column("seen_at", Moment),
    # Set while a job removes the data of the user. The row then has no name or address, and no query finds it.
    Column("removed_at", Moment),
    PrimaryKeyConstraint("id", name="pk_users"),
    UniqueConstraint("username_key", name="uq_users_username_key"),
    UniqueConstraint("email_key", name="uq_users_email_key"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("device", String(MAX_DEVICE_LENGTH)),
    Column("generation", Integer, nullable=False),
    Column("confirmed_generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("rotated_at", Moment, nullable=False),
    Column("idle_until", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("proved_at", Moment),
    Column("address", Text),
    Column("user_agent", String(MAX_USER_AGENT_LENGTH)),
    Column("used_at", Moment, nullable=False),
    PrimaryKeyConstraint("id", name="pk_sessions"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
    Index("ix_sessions_user_id", "user_id"),
)

categories = Table(
    "categories",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("name", String(category.MAX_NAME_LENGTH), nullable=False),
    Column("name_key", Key, nullable=False),
    Column("description", String(category.MAX_DESCRIPTION_LENGTH), nullable=False),
    Column("color", String(7)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    # JSON: {"<field>": <version>, …}
    Column("field_versions", Text, nullable=False, server_default="{}"),
    # Set while a job takes the tasks out of the category. Then no query finds the row, and its name is free.
    Column("removed_at", Moment),
    PrimaryKeyConstraint("id", name="pk_categories"),
    # Its index also provides the order of the list: the keys of a user's categories are unique.
    UniqueConstraint("user_id", "name_key", name="uq_categories_user_id_name_key"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_categories_user_id", ondelete="CASCADE"),
)

# The members of each shared category, including its owner. Rights in its tasks come from these rows only.
category_members = Table(
    "category_members",
    metadata,
    Column("category_id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("role", String(20), nullable=False),
    # In microseconds since 1970, so that the text of the number is the same in every dialect.
    Column("since", BigInteger, nullable=False),
    Column("is_ready", Boolean, nullable=False),
    PrimaryKeyConstraint("category_id", "user_id", name="pk_category_members"),
    ForeignKeyConstraint(
        ["category_id"], ["categories.id"], name="fk_category_members_category_id", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_category_members_user_id", ondelete="CASCADE"),
    Index("ix_category_members_user_id", "user_id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, nullable=False),
    Column("title", String(task.MAX_TITLE_LENGTH), nullable=False),
    Column("description", String(task.MAX_DESCRIPTION_LENGTH), nullable=False),
    # The text that is searched: title and description, folded.
    Column("search", Text, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("start_on", Date),
    Column("due_on", Date),
    Column("due_date", Moment),
    # JSON: {"rule": …, "time_zone": …, "from": …, "start": …}
    Column("recurrence", Text),
    Column("category", Id),
    Column("parent", Id),
    Column("root", Id, nullable=False),
    Column("root_category", Id),
    # JSON: {"slot": …, "series": …, "next": …, "untouched": …, "subtasks": …}
    Column("occurrence", Text),
    # The series in `occurrence`, by which lists are filtered. It is not read.
    Column("series", Id),
    # "<user>:<role> …": read and written together with the task, under its lock.
    Column("members", Text, nullable=False),
    Column("owner", Id, nullable=False),
    Column("created_by", Id),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("trashed_at", Moment),
    Column("trashed_with", Id),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_tasks"),
    ForeignKeyConstraint(["owner"], ["users.id"], name="fk_tasks_owner", ondelete="CASCADE"),
    # The foreign key does not cascade: `unfile` takes tasks out of a category before, each as a separate change.
    # `created_by` has no foreign key, because its index would make each insert of a task slower.
    ForeignKeyConstraint(["category"], ["categories.id"], name="fk_tasks_category"),
    ForeignKeyConstraint(["parent"], ["tasks.id"], name="fk_tasks_parent"),
    CheckConstraint(f"priority IN ({', '.join(str(int(each)) for each in Priority)})", name="priority"),
    CheckConstraint(f"state IN ({', '.join(repr(str(each)) for each in State)})", name="state"),
    Index("ix_tasks_category", "owner", "category"),
    Index(
        "ix_tasks_root_category",
        "root_category",
        "id",
        postgresql_where=text("root_category IS NOT NULL"),
        sqlite_where=text("root_category IS NOT NULL"),
    ),
    Index(
        "ix_tasks_created_by",
        "created_by",
        postgresql_where=text("created_by <> owner"),
        sqlite_where=text("created_by <> owner"),
    ),
    Index(
        "ix_tasks_series",
        "series",
        postgresql_where=text("series IS NOT NULL"),
        sqlite_where=text("series IS NOT NULL"),
    ),
    Index("ix_tasks_root", "root", "id"),
    Index("ix_tasks_parent", "parent"),
    Index("ix_tasks_trashed_at", "trashed_at", "id"),
)

LISTED = text("trashed_at IS NULL")
TRASHED = text("trashed_at IS NOT NULL")

# One row per task and viewer, the owner included, with the columns that lists filter and sort by. Each index
# provides the order of one list.
task_entries = Table(
    "task_entries",
    metadata,
    Column("task_id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("role", String(20), nullable=False),
    # Null for the owner and the members of the task. For other viewers, the shared category through which they see the
    # task. Rights are never read from this column, but a job finds the viewers to remove by it.
    Column("via", Id),
    Column("title_key", Key, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("due_on", Date),
    Column("due_date", Moment),
    Column("category", Id),
    Column("parent", Id),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("trashed_at", Moment),
    PrimaryKeyConstraint("task_id", "user_id", name="pk_task_entries"),
    ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_task_entries_task_id", ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_task_entries_user_id", ondelete="CASCADE"),
    *(
        Index(
            f"ix_task_entries_{name}",
            "user_id",
            *columns,
            "task_id",
            postgresql_where=where,
            sqlite_where=where,
        )
        for name, columns, where in (
            ("created_at", ["created_at"], LISTED),
            ("updated_at", ["updated_at"], LISTED),
            # Each entry is in one of these. Those without a due date are in the second.
            ("due_on", ["due_on"], text("trashed_at IS NULL AND due_on IS NOT NULL")),
            ("due_date", ["due_date"], text("trashed_at IS NULL AND due_on IS NULL")),
            ("priority", ["priority"], LISTED),
            ("title", ["title_key"], LISTED),
            ("state", ["state", "created_at"], LISTED),
            ("category", ["category", "created_at"], LISTED),
            ("parent", ["parent", "created_at"], LISTED),
            ("trash", ["trashed_at"], TRASHED),
        )
    ),
)

task_changes = Table(
    "task_changes",
    metadata,
    Column("id", Id, nullable=False),
    Column("task_id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("made_at", Moment),
    Column("action", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("actor", Id),
    Column("session_id", Id),
    Column("token_id", Id),
    # JSON: {"<field>": [before, after], …}
    Column("fields", Text, nullable=False),
    PrimaryKeyConstraint("id", name="pk_task_changes"),
    ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_task_changes_task_id", ondelete="CASCADE"),
    ForeignKeyConstraint(["actor"], ["users.id"], name="fk_task_changes_actor", ondelete="SET NULL"),
    Index("ix_task_changes_list", "task_id", "version", "id"),
    Index("ix_task_changes_actor", "actor"),
    Index("ix_task_changes_at", "at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("key", Key, nullable=False),
    # Null only while the request that claimed the key is in progress.
    Column("fingerprint", LargeBinary),
    Column("result", LargeBinary),
    Column("expires_at", Moment),
    PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_idempotency_keys_user_id", ondelete="CASCADE"),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("confirmed_at", Moment),
    Column("last_step", BigInteger, nullable=False),
    Column("recovery_hashes", Text, nullable=False),
    PrimaryKeyConstraint("user_id", name="pk_second_factors"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_second_factors_user_id", ondelete="CASCADE"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("name", String(MAX_API_TOKEN_NAME_LENGTH), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("last_used_at", Moment),
    PrimaryKeyConstraint("id", name="pk_api_tokens"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
    Index("ix_api_tokens_user_id", "user_id"),
)

one_time_links = Table(
    "one_time_links",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("user_id", Id, nullable=False),
    Column("address", String(MAX_EMAIL_LENGTH)),
    Column("state", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest", name="pk_one_time_links"),
    UniqueConstraint("user_id", "kind", name="uq_one_time_links_user_id_kind"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_one_time_links_user_id", ondelete="CASCADE"),
    Index("ix_one_time_links_expires_at", "expires_at"),
)

invites = Table(
    "invites",
    metadata,
    Column("id", Id, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("note", String(MAX_NOTE_LENGTH), nullable=False),
    Column("address", String(MAX_EMAIL_LENGTH)),
    Column("uses_left", Integer, nullable=False),
    # The token is only in a mail to the address.
    Column("is_mailed", Boolean, nullable=False, server_default=false()),
    Column("created_by", Id),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("id", name="pk_invites"),
    UniqueConstraint("digest", name="uq_invites_digest"),
    ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_invites_created_by", ondelete="SET NULL"),
    Index("ix_invites_created_at", "created_at", "id"),
    Index("ix_invites_created_by", "created_by"),
)

# The id of the root of a tree of tasks, or of a category. Exactly one of the two columns is set.
share_invitations = Table(
    "share_invitations",
    metadata,
    Column("id", Id, nullable=False),
    Column("task_id", Id),
    Column("category_id", Id),
    Column("invited_by", Id, nullable=False),
    Column("address", String(MAX_EMAIL_LENGTH), nullable=False),
    Column("address_key", Key, nullable=False),
    Column("role", String(20), nullable=False),
    Column("digest", LargeBinary),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("id", name="pk_share_invitations"),
    UniqueConstraint("task_id", "address_key", name="uq_share_invitations_task_id_address_key"),
    UniqueConstraint("category_id", "address_key", name="uq_share_invitations_category_id_address_key"),
    UniqueConstraint("digest", name="uq_share_invitations_digest"),
    ForeignKeyConstraint(["task_id"], ["tasks.id"], name="fk_share_invitations_task_id", ondelete="CASCADE"),
    ForeignKeyConstraint(
        ["category_id"], ["categories.id"], name="fk_share_invitations_category_id", ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["invited_by"], ["users.id"], name="fk_share_invitations_invited_by", ondelete="CASCADE"),
    Index("ix_share_invitations_address_key", "address_key"),
    Index("ix_share_invitations_invited_by", "invited_by"),
    Index("ix_share_invitations_expires_at", "expires_at"),
)

# Changed by administrators while the service runs. A setting without a row has its default.
service_settings = Table(
    "service_settings",
    metadata,
    Column("name", String(40), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("name", name="pk_service_settings"),
)

auth_events = Table(
    "auth_events",
    metadata,
    Column("id", Id, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("user_id", Id),
    Column("session_id", Id),
    Column("address", Text),
    # There are no foreign keys: events of administrators stay when the account of the user or administrator is removed.
    Column("admin_id", Id),
    Column("subject", Id),
    Column("detail", Text),
    PrimaryKeyConstraint("id", name="pk_auth_events"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_auth_events_user_id", ondelete="CASCADE"),
    Index("ix_auth_events_list", "user_id", "at", "id"),
    Index("ix_auth_events_at", "at"),
    Index("ix_auth_events_kind", "kind", "at"),
    *(
        Index(f"ix_auth_events_{name}", name, "at", postgresql_where=where, sqlite_where=where)
        for name, where in (
            ("admin_id", text("admin_id IS NOT NULL")),
            ("subject", text("subject IS NOT NULL")),
        )
    ),
)

# Times are in microseconds since 1970, so that arithmetic on them is the same in every dialect.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", Key, nullable=False),
    Column("full_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", name="pk_rate_limits"),
    Index("ix_rate_limits_full_at", "full_at"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("session_id", Id, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("token_expires_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    PrimaryKeyConstraint("digest", name="pk_tickets"),
    ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_tickets_session_id", ondelete="CASCADE"),
    Index("ix_tickets_session_id", "session_id"),
    Index("ix_tickets_expires_at", "expires_at"),
)

# The highest sequence number of each user's feed, and the highest one of a deletion that was purged from it. Each
# change of what a user owns updates this row. So the row also has the counts of what the user owns, and the user's own
# quotas.
feeds = Table(
    "feeds",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("swept", BigInteger, nullable=False, server_default=text("0")),
    Column("tasks", BigInteger, nullable=False, server_default=text("0")),
    Column("categories", BigInteger, nullable=False, server_default=text("0")),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("max_tasks", BigInteger),
    Column("max_categories", BigInteger),
    Column("max_bytes", BigInteger),
    PrimaryKeyConstraint("user_id", name="pk_feeds"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_feeds_user_id", ondelete="CASCADE"),
)

# One row per user and item. Each change of the item moves the row to the end of the feed.
feed_items = Table(
    "feed_items",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("type", String(20), nullable=False),
    Column("id", Id, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("op", String(20), nullable=False),
    Column("reason", String(20)),
    Column("recorded_at", Moment, nullable=False),
    PrimaryKeyConstraint("user_id", "type", "id", name="pk_feed_items"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_feed_items_user_id", ondelete="CASCADE"),
    Index("ix_feed_items_sequence", "user_id", "sequence"),
    Index(
        "ix_feed_items_deleted",
        "recorded_at",
        postgresql_where=text("op = 'delete'"),
        sqlite_where=text("op = 'delete'"),
    ),
)

import_jobs = Table(
    "import_jobs",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("state", String(20), nullable=False),
    Column("dry_run", Boolean, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("read", BigInteger, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("report", LargeBinary),
    Column("problem", LargeBinary),
    PrimaryKeyConstraint("id", name="pk_import_jobs"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_import_jobs_user_id", ondelete="CASCADE"),
    Index("ix_import_jobs_list", "user_id", "created_at", "id"),
    Index("ix_import_jobs_created_at", "created_at"),
)

import_lines = Table(
    "import_lines",
    metadata,
    Column("job_id", Id, nullable=False),
    Column("position", Integer, nullable=False),
    Column("file", Text),
    Column("number", Integer, nullable=False),
    Column("type", String(20)),
    Column("outcome", String(20), nullable=False),
    Column("item", Id),
    # JSON: [[field, message], …]
    Column("errors", Text, nullable=False),
    Column("notices", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "position", name="pk_import_lines"),
    ForeignKeyConstraint(["job_id"], ["import_jobs.id"], name="fk_import_lines_job_id", ondelete="CASCADE"),
)

# Few rows: only those that are not finished.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("subject", Id, nullable=False),
    # No foreign key: the last piece of a job may remove the user.
    Column("user_id", Id, nullable=False),
    Column("position", Id),
    Column("created_at", Moment, nullable=False),
    Column("leased_until", Moment),
    # The transaction that has added the job; 0 in SQLite, which has one writer.
    Column("added_by", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="pk_jobs"),
)

# Messages to users. Sent messages stay until the sweep removes them.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("cause", Id, nullable=False),
    Column("user_id", Id),
    Column("address", String(MAX_EMAIL_LENGTH)),
    Column("address_key", Key),
    Column("message_id", Text, nullable=False),
    # JSON: {"<name>": "<text>", …}
    Column("parameters", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text),
    Column("created_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("retried_until", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("ended_at", Moment),
    PrimaryKeyConstraint("id", name="pk_deliveries"),
    UniqueConstraint("cause", "channel", name="uq_deliveries_cause_channel"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_deliveries_user_id", ondelete="CASCADE"),
    Index("ix_deliveries_list", "created_at", "id"),
    Index("ix_deliveries_user_id", "user_id", "created_at", "id"),
    Index("ix_deliveries_address_key", "address_key", "created_at"),
    Index("ix_deliveries_ended_at", "ended_at"),
    Index(
        "ix_deliveries_due",
        "next_attempt_at",
        "id",
        postgresql_where=text("state = 'due'"),
        sqlite_where=text("state = 'due'"),
    ),
)

# Each user's own reminders of tasks.
reminders = Table(
    "reminders",
    metadata,
    Column("id", Id, nullable=False),
    Column("task", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("at", Moment),
    Column("before", String(40)),
    # Null while the reminder waits.
    Column("fires_at", Moment),
    Column("fired_for", String(40)),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_reminders"),
    ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_reminders_task", ondelete="CASCADE"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_reminders_user_id", ondelete="CASCADE"),
    Index("ix_reminders_task", "task", "user_id"),
    Index("ix_reminders_user_id", "user_id", "created_at", "id"),
    Index(
        "ix_reminders_due",
        "fires_at",
        "id",
        postgresql_where=text("fires_at IS NOT NULL"),
        sqlite_where=text("fires_at IS NOT NULL"),
    ),
)

# There are no foreign keys to tasks and categories, because notifications stay when these are removed.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("task", Id),
    Column("category", Id),
    Column("event", String(40)),
    Column("by", String(MAX_USERNAME_LENGTH)),
    Column("moment", Moment),
    Column("read", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_notifications"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notifications_user_id", ondelete="CASCADE"),
    Index("ix_notifications_list", "user_id", "created_at", "id"),
    Index("ix_notifications_created_at", "created_at"),
)

# A user without a row has the defaults.
notification_preferences = Table(
    "notification_preferences",
    metadata,
    Column("user_id", Id, nullable=False),
    Column("reminder_hour", SmallInteger, nullable=False),
    Column("reminder_mails", Boolean, nullable=False),
    Column("summary_hour", SmallInteger),
    Column("next_summary_at", Moment),
    PrimaryKeyConstraint("user_id", name="pk_notification_preferences"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notification_preferences_user_id", ondelete="CASCADE"),
    Index(
        "ix_notification_preferences_due",
        "next_summary_at",
        "user_id",
        postgresql_where=text("next_summary_at IS NOT NULL"),
        sqlite_where=text("next_summary_at IS NOT NULL"),
    ),
)

# What happened on a day (UTC), counted by the sweep.
daily_counts = Table(
    "daily_counts",
    metadata,
    Column("day", Date, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("count", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "kind", name="pk_daily_counts"),
)

# When the service was last swept, backed up and the like.
maintenance = Table(
    "maintenance",
    metadata,
    Column("name", Key, nullable=False),
    Column("done_at", Moment, nullable=False),
    PrimaryKeyConstraint("name", name="pk_maintenance"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Key, nullable=False),
    Column("value", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", name="pk_secrets"),
)
