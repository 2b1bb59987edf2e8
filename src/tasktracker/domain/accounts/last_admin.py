"""The rule that the service keeps an active administrator."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.accounts.ports import UserRepository
from tasktracker.domain.accounts.user import User
from tasktracker.domain.kernel.errors import LastAdmin


class UsersWork(Protocol):
    """A unit of work on users."""

    @property
    def users(self) -> UserRepository: ...


def require_other_admin(work: UsersWork, user: User) -> None:
    """Raise LastAdmin if a locked user, who is about to lose the role or be disabled, is the last active administrator.

    Concurrent units of work that call this run one after the other, so each sees the changes of the earlier ones.
    """
    if user.is_admin and user.is_active and not work.users.has_other_admin(user.id):
        raise LastAdmin
