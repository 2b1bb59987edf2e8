"""The members of tasks and categories, and their roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

MAX_MEMBERS = 100


class Role(StrEnum):
    """A user's role in a task or a category. A viewer reads, an editor changes, the owner also shares.

    Only the owner of a category edits and deletes it. An editor of a shared category has more rights in its tasks than
    an editor of a single task.
    """

    # `tasks.policy` has the rights in tasks.
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


INVITABLE_ROLES = frozenset({Role.EDITOR, Role.VIEWER})
"""The roles that a member can be given."""

_FROM_THE_HIGHEST = tuple(Role)


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A user with whom a task or a category is shared."""

    user_id: UUID
    role: Role


def role_in(members: Iterable[Member], user_id: UUID) -> Role | None:
    """Return a user's highest role among members, None if the user is not one of them."""
    return min((each.role for each in members if each.user_id == user_id), key=_FROM_THE_HIGHEST.index, default=None)
