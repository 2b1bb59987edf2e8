"""Actors: a user in a session, a program with an API token, and the service itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID


class Scope(StrEnum):
    """A permission of an API token."""

    TASKS_READ = "tasks:read"
    TASKS_WRITE = "tasks:write"


@dataclass(frozen=True, slots=True)
class SessionActor:
    """A user acting in one of their sessions, with a token of that session's `generation`."""

    user_id: UUID
    session_id: UUID
    generation: int


@dataclass(frozen=True, slots=True)
class AdminActor(SessionActor):
    """An administrator of the service, acting in one of their sessions. Opening a unit of work checks this."""


@dataclass(frozen=True, slots=True)
class TokenActor:
    """A program acting for a user with an API token."""

    user_id: UUID
    token_id: UUID
    secret_hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SystemActor:
    """The service itself, for a stated reason: login, administration, housekeeping.

    `user_id` is set when the service acts for a user, as in an import by command. Histories then name that user.
    """

    reason: str
    user_id: UUID | None = None


Actor = SessionActor | TokenActor
"""The actors of use cases on tasks and categories. Use cases on the account itself require a session."""

AnyActor = SessionActor | TokenActor | SystemActor

ActorT = TypeVar("ActorT", bound=AnyActor)
ActorT_co = TypeVar("ActorT_co", bound=AnyActor, covariant=True)
