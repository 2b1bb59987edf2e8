"""The actors: a user in a session, a program with an API token, and the service itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID


class Scope(StrEnum):
    """What an API token may be used for."""

    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"


@dataclass(frozen=True, slots=True)
class SessionActor:
    """A user acting in one of their sessions, by a token of that session's `generation`."""

    user_id: UUID
    session_id: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class TokenActor:
    """A program acting for a user by an API token."""

    user_id: UUID
    token_id: UUID
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SystemActor:
    """The service itself, for a stated reason: signing in, administration, housekeeping.

    `user_id` is set where it acts in place of a user, as an import by command does: histories then name that user.
    """

    reason: str
    user_id: UUID | None = None


Actor = SessionActor | TokenActor
"""The actors of use cases on tasks and categories. What concerns the account itself takes a session."""

AnyActor = SessionActor | TokenActor | SystemActor

ActorT = TypeVar("ActorT", bound=AnyActor)
ActorT_co = TypeVar("ActorT_co", bound=AnyActor, covariant=True)
