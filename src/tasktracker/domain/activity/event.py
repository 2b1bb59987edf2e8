"""Authentication events: user, kind, address and outcome. They never contain a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tasktracker.domain.kernel.paging import DEFAULT_PAGE


class Kind(StrEnum):
    """The kind of an event."""

    REGISTER = "register"
    LOGIN = "login"
    LOGOUT = "logout"
    REPLAY = "replay"
    """A refresh token was used again: its session was ended, as it may have been stolen."""
    SESSION_END = "session_end"
    RENAME = "rename"
    """The username or the e-mail address was changed."""
    PASSWORD_CHANGE = "password_change"  # noqa: S105  # the name of an event
    PASSWORD_RESET = "password_reset"  # noqa: S105
    """The password was replaced by a one-time link."""
    EMAIL_VERIFY = "email_verify"
    """The e-mail address was verified by a one-time link."""
    CONFIRM = "confirm"
    """The password was confirmed in a session."""
    API_TOKEN_CREATE = "api_token_create"  # noqa: S105
    API_TOKEN_REVOKE = "api_token_revoke"  # noqa: S105
    TWO_FACTOR_ENABLE = "two_factor_enable"
    TWO_FACTOR_DISABLE = "two_factor_disable"
    RECOVERY_CODE_USE = "recovery_code_use"
    RECOVERY_CODES_RENEW = "recovery_codes_renew"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"
    PROMOTE = "promote"
    """The user was made an administrator."""
    DEMOTE = "demote"
    QUOTA_CHANGE = "quota_change"
    PASSWORD_LINK = "password_link"  # noqa: S105
    """A one-time link for a new password was made, by an administrator or a command."""
    SETTINGS_CHANGE = "settings_change"
    INVITE_CREATE = "invite_create"
    INVITE_REVOKE = "invite_revoke"
    DELIVERY_RETRY = "delivery_retry"
    DELIVERY_CANCEL = "delivery_cancel"
    USER_LIST = "user_list"
    USER_READ = "user_read"
    SETTINGS_READ = "settings_read"
    INVITE_LIST = "invite_list"
    ACTIVITY_LIST = "activity_list"
    OVERVIEW_READ = "overview_read"
    DELIVERY_LIST = "delivery_list"


class Outcome(StrEnum):
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request was sent from: the network address, and the program as it names itself."""

    address: str | None = None
    user_agent: str | None = None


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthEvent:
    """An authentication event, or an operation of an administrator.

    `user_id` is the account that the event concerns. It is None if the request named no existing user, or the user was
    removed. `admin_id` is the administrator who acted. It is None for actions of the user and for commands. `subject`
    is the id of the account, the invitation or the delivery that an administrator or a command chose. It stays stored
    when the account or invitation is removed, and so does `detail`: the username at that time, the note or the address
    of the invitation, the address of the delivery, or the new setting. An event of a command has neither an `admin_id`
    nor a `session_id`.
    """

    id: UUID
    at: datetime
    kind: Kind
    outcome: Outcome = Outcome.SUCCESS
    user_id: UUID | None
    session_id: UUID | None = None
    address: str | None = None
    admin_id: UUID | None = None
    subject: UUID | None = None
    detail: str | None = None

    @property
    def key(self) -> EventKey:
        """The sort key in the list of a user's events."""
        return EventKey(self.at, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Selects events of all users, newest first: of a user, of these kinds (any if empty), and in a range of time.

    `user_id` selects what concerns the user, and what they did as an administrator. `since` is included, `until` not.
    """

    user_id: UUID | None = None
    kinds: frozenset[Kind] = frozenset()
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: EventKey | None = None
    limit: int = DEFAULT_PAGE

    def matches(self, event: AuthEvent) -> bool:
        """Whether an event passes every filter."""
        return (
            (self.user_id is None or self.user_id in (event.user_id, event.admin_id, event.subject))
            and (not self.kinds or event.kind in self.kinds)
            and (self.outcome is None or event.outcome is self.outcome)
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """The sort key of events, which are listed newest first; the id orders events of the same time."""

    at: datetime
    id: UUID
