"""The members of a task and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MAX_MEMBERS = 100


class Role(StrEnum):
    """A user's role in a task. A viewer reads it, an editor changes it, the owner also shares and deletes it."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


INVITABLE_ROLES = frozenset({Role.EDITOR, Role.VIEWER})
"""The roles that a member can be given. The owner is always the user who created the task."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A user with whom the task is shared."""

    user_id: UUID
    role: Role
