"""The units of work of removing categories and accounts."""

from __future__ import annotations

from typing import Protocol

from tasktracker.domain.accounts.ports import AccountWork, QuotaRepository, UserRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.feed.list_refresh import RefreshWork
from tasktracker.domain.idempotency.ports import IdempotencyRepository
from tasktracker.domain.jobs.ports import JobWork
from tasktracker.domain.kernel.actors import Actor, SessionActor
from tasktracker.domain.tasks.ports import PurgeWork


class UnfilingWork(PurgeWork, RefreshWork, Protocol):
    """A unit of work of a job that takes tasks out of a category, for any actor."""


class CategoryRemovalWork(UnfilingWork, Protocol):
    """A unit of work that removes a category."""

    @property
    def actor(self) -> Actor: ...


class RemovalWork(UnfilingWork, Protocol):
    """A unit of work of a job that removes an account, its memberships and its tasks, for any actor."""

    @property
    def users(self) -> UserRepository: ...


class PassingWork(Protocol):
    """A unit of work that reads what would become of shared categories, for any actor."""

    @property
    def users(self) -> UserRepository: ...
    @property
    def categories(self) -> CategoryRepository: ...


class AccountRemovalWork(AccountWork[SessionActor], RemovalWork, JobWork, Protocol):
    """A unit of work that removes an account: the actor's, or another one for an administrator."""

    @property
    def actor(self) -> SessionActor: ...
    @property
    def quotas(self) -> QuotaRepository: ...
    @property
    def idempotency(self) -> IdempotencyRepository: ...
