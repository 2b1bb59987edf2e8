"""The work of removing categories and accounts."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.accounts.ports import AccountWork
from tasktracker.domain.feed.list_refresh import RefreshWork
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.sharing.ports import SharingWork
from tasktracker.domain.tasks.ports import TaskWork


class AccountRemovalWork(AccountWork[SessionActor], SharingWork, Protocol):
    """Work that removes an account, its memberships and its tasks."""

    @property
    def actor(self) -> SessionActor: ...
    @property
    def feed(self) -> FeedRepository: ...


class CategoryRemovalWork(TaskWork, RefreshWork, Protocol):
    """Work that removes a category, with the rights of its members."""
