"""Who acts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
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


Actor = SessionActor | TokenActor
"""Whoever may work on tasks and categories. What concerns the account itself takes a session."""
