"""An authentication event: who did what, where from, and whether it worked. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What was done."""

    REGISTER = "register"
    LOGIN = "login"
    LOGOUT = "logout"
    REPLAY = "replay"
    """A refresh token was used again: its session was ended, as it may have been stolen."""
    SESSION_END = "session_end"
    RENAME = "rename"
    """The username or the e-mail address was changed."""
    PASSWORD_CHANGE = "password_change"  # noqa: S105  # the name of an event
    API_TOKEN_CREATE = "api_token_create"  # noqa: S105
    API_TOKEN_REVOKE = "api_token_revoke"  # noqa: S105
    TWO_FACTOR_ENABLE = "two_factor_enable"
    TWO_FACTOR_DISABLE = "two_factor_disable"
    RECOVERY_CODE_USE = "recovery_code_use"
    ENABLE = "enable"
    DISABLE = "disable"
    DELETE = "delete"


class Outcome(StrEnum):
    """The outcome."""

    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    address: str | None = None


UNKNOWN_ORIGIN = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthEvent:
    """Something that happened. `user_id` is None where nobody was meant, or nobody is left."""

    id: UUID
    at: datetime
    kind: Kind
    outcome: Outcome = Outcome.SUCCESS
    user_id: UUID | None
    session_id: UUID | None = None
    address: str | None = None

    @property
    def key(self) -> EventKey:
        """Its place in the list of a user's events."""
        return EventKey(self.at, self.id)


@dataclass(frozen=True, slots=True, order=True)
class EventKey:
    """The order of events: the newest first, and by id among those of one moment."""

    at: datetime
    id: UUID
