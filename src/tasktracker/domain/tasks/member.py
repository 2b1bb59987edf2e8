"""A user's part in a task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MAX_MEMBERS = 100


class Role(StrEnum):
    """What a user may do with a task: a viewer reads it, an editor changes it, the owner also shares and deletes it."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


INVITED = frozenset({Role.EDITOR, Role.VIEWER})
"""The roles one can be given. The owner is whoever created the task, and stays it."""


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """Somebody the task is shared with."""

    user_id: UUID
    role: Role
