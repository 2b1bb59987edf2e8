"""Authentication events: user, kind, address and outcome. They never contain a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


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
    """An authentication event. `user_id` is None if the request named no existing user, or the user was removed."""

    id: UUID
    at: datetime
    kind: Kind
    outcome: Outcome = Outcome.SUCCESS
    user_id: UUID | None
    session_id: UUID | None = None
    address: str | None = None

    @property
    def key(self) -> EventKey:
        """The sort key in the list of a user's events."""
        return EventKey(self.at, self.id)


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """The sort key of events, which are listed newest first; the id orders events of the same time."""

    at: datetime
    id: UUID
