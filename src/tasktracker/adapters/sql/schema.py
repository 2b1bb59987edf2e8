"""The tables, and how values are kept in them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
)
from sqlalchemy.types import UserDefinedType

from tasktracker.domain.accounts.session import DEVICE_LONGEST
from tasktracker.domain.accounts.user import EMAIL_LONGEST, PERSON_NAME_LONGEST, USERNAME_LONGEST
from tasktracker.domain.api_tokens.api_token import NAME_LONGEST as API_TOKEN_NAME_LONGEST
from tasktracker.domain.categories import category
from tasktracker.domain.tasks import task
from tasktracker.domain.tasks.task import Priority, State

REVISION = "0002"
"""The newest migration, after which the tables are as they are here."""


class IsoMoment(UserDefinedType[datetime]):
    """A moment as text of one length, which sorts as the moments do from the year 1 to 9999."""

    cache_ok = True

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
        raise ValueError("a time without an offset is no moment")
    return value.astimezone(UTC).isoformat(" ", "microseconds")


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


class HexId(Uuid[UUID]):
    """An id as 32 hexadecimal digits."""

    def result_processor(self, _dialect: Dialect, _column_type: object) -> Callable[[Any], UUID | None]:
        return _uuid


# Ids of users and categories come up in row after row, and parsing takes longer than remembering.
_parsed = lru_cache(maxsize=4096)(UUID)


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else _parsed(value)


# PostgreSQL has types for both.
Moment = DateTime(timezone=True).with_variant(IsoMoment(), "sqlite")
Id = Uuid().with_variant(HexId(), "sqlite")

# Text that is compared code point by code point, as SQLite does anyway, whatever language the database is set to.
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
    Column("username", String(USERNAME_LONGEST), nullable=False),
    Column("username_key", Key, nullable=False),
    Column("email", String(EMAIL_LONGEST)),
    Column("email_key", Key),
    Column("first_name", String(PERSON_NAME_LONGEST), nullable=False),
    Column("last_name", String(PERSON_NAME_LONGEST), nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("is_admin", Boolean, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_users"),
    UniqueConstraint("username_key", name="uq_users_username_key"),
    UniqueConstraint("email_key", name="uq_users_email_key"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("device", String(DEVICE_LONGEST)),
    Column("generation", Integer, nullable=False),
    Column("confirmed_generation", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("rotated_at", Moment, nullable=False),
    Column("idle_until", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    PrimaryKeyConstraint("id", name="pk_sessions"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id", ondelete="CASCADE"),
    Index("ix_sessions_user_id", "user_id"),
)

categories = Table(
    "categories",
    metadata,
    Column("id", Id, nullable=False),
    Column("user_id", Id, nullable=False),
    Column("name", String(category.NAME_LONGEST), nullable=False),
    Column("name_key", Key, nullable=False),
    Column("description", String(category.DESCRIPTION_LONGEST), nullable=False),
    Column("color", String(7)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_categories"),
    # Its index is also the order of the list: within a user, no two rows are left to be told apart by id.
    UniqueConstraint("user_id", "name_key", name="uq_categories_user_id_name_key"),
    # Says nothing that the primary key does not; it is what tasks refer to.
    UniqueConstraint("user_id", "id", name="uq_categories_user_id_id"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_categories_user_id", ondelete="CASCADE"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, nullable=False),
    Column("title", String(task.TITLE_LONGEST), nullable=False),
    Column("description", String(task.DESCRIPTION_LONGEST), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("due_date", Moment),
    Column("category", Id),
    Column("created_by", Id, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("completed_at", Moment),
    Column("version", Integer, nullable=False),
    PrimaryKeyConstraint("id", name="pk_tasks"),
    ForeignKeyConstraint(["created_by"], ["users.id"], name="fk_tasks_created_by", ondelete="CASCADE"),
    # Both columns, so that a task can only be filed by its creator. Where there is no category, nothing is
    # checked. No cascade: tasks are taken out of a category first, each a change of its own (`unfile`).
    ForeignKeyConstraint(["created_by", "category"], ["categories.user_id", "categories.id"], name="fk_tasks_category"),
    CheckConstraint(f"priority IN ({', '.join(str(int(each)) for each in Priority)})", name="priority"),
    CheckConstraint(f"state IN ({', '.join(repr(str(each)) for each in State)})", name="state"),
    # The order of lists, read backwards.
    Index("ix_tasks_list", "created_by", "created_at", "id"),
    Index("ix_tasks_category", "created_by", "category", "created_at", "id"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_id", Uuid, nullable=False),
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
    Column("id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("name", String(API_TOKEN_NAME_LONGEST), nullable=False),
    Column("scopes", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    PrimaryKeyConstraint("id", name="pk_api_tokens"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
    Index("ix_api_tokens_user_id", "user_id"),
)

auth_events = Table(
    "auth_events",
    metadata,
    Column("id", Uuid, nullable=False),
    Column("at", Moment, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("user_id", Uuid),
    Column("session_id", Uuid),
    Column("address", Text),
    PrimaryKeyConstraint("id", name="pk_auth_events"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_auth_events_user_id", ondelete="CASCADE"),
    Index("ix_auth_events_list", "user_id", "at", "id"),
    Index("ix_auth_events_at", "at"),
)

# Times are microseconds since 1970: the arithmetic on them is then the same in every dialect.
rate_limits = Table(
    "rate_limits",
    metadata,
    Column("key", Key, nullable=False),
    Column("full_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("key", name="pk_rate_limits"),
    Index("ix_rate_limits_full_at", "full_at"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", Key, nullable=False),
    Column("value", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name", name="pk_secrets"),
)
