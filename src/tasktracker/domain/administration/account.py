"""Accounts as administrators see them, without the data that their users own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from tasktracker.domain.accounts.quota import Quotas, Usage
from tasktracker.domain.accounts.user import User, email_key, username_key
from tasktracker.domain.kernel.fields import case_key
from tasktracker.domain.kernel.paging import DEFAULT_PAGE

NEVER = datetime.min.replace(tzinfo=UTC)
"""The value of users who were never seen, for ordering by `last_seen_at`."""

Value = TypeVar("Value")


class AccountState(StrEnum):
    """Which accounts to list."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ADMIN = "admin"


class AccountSort(StrEnum):
    """The order of accounts. A minus means descending. Equal values are ordered by id, in the same direction."""

    USERNAME = "username"
    USERNAME_DESCENDING = "-username"
    OLDEST = "created_at"
    NEWEST = "-created_at"
    SEEN_FIRST = "last_seen_at"
    SEEN_LAST = "-last_seen_at"
    FEWEST_TASKS = "tasks"
    MOST_TASKS = "-tasks"

    @property
    def field(self) -> str:
        """The field by which accounts are ordered."""
        return self.value.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the greatest value is first."""
        return self.value.startswith("-")


@dataclass(frozen=True, slots=True)
class AccountKey(Generic[Value]):
    """The sort key of an account: the value ordered by, and the id for equal values."""

    value: Value
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSummary:
    """A user with counts.

    `last_seen_at` is the last use of a session that is still stored, or a later event of the user in a session.

    `sessions` is the number of live sessions, and `quotas` are the user's own.
    """

    user: User
    has_two_factor: bool
    last_seen_at: datetime | None
    sessions: int
    usage: Usage
    quotas: Quotas

    def key(self, sort: AccountSort) -> AccountKey[Any]:
        """Return the sort key in an order."""
        values = {
            "username": username_key(self.user.username),
            "created_at": self.user.created_at,
            "last_seen_at": self.last_seen_at or NEVER,
            "tasks": self.usage.tasks,
        }
        return AccountKey(values[sort.field], self.user.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountQuery:
    """Selects at most `limit` accounts in the order of `sort`, starting after the key `after`.

    `text` is a part of the username or the e-mail address. `now` decides which sessions are live.
    """

    now: datetime
    text: str = ""
    state: AccountState | None = None
    sort: AccountSort = AccountSort.USERNAME
    after: AccountKey[Any] | None = None
    limit: int = DEFAULT_PAGE

    @property
    def part(self) -> str:
        """The text in the form of the searched keys."""
        return case_key(self.text.strip())

    def matches(self, user: User) -> bool:
        """Whether a user passes the filters."""
        found = self.part in username_key(user.username) or (user.email and self.part in email_key(user.email))
        if self.state is None:
            return bool(found)
        states = {
            AccountState.ACTIVE: user.is_active,
            AccountState.DISABLED: not user.is_active,
            AccountState.ADMIN: user.is_admin,
        }
        return bool(found and states[self.state])
