"""The complete unit of work, and the storage that opens it: the ports between entrypoints and adapters."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from tasktracker.domain.accounts.ports import (
    LinkRepository,
    QuotaRepository,
    SecondFactorRepository,
    SessionRepository,
    UserRepository,
)
from tasktracker.domain.accounts.registration_ports import InviteRepository, ServiceSettingsRepository
from tasktracker.domain.activity.ports import ActivityRepository
from tasktracker.domain.administration.ports import AccountDirectory, StatisticsRepository
from tasktracker.domain.api_tokens.ports import ApiTokenRepository
from tasktracker.domain.categories.ports import CategoryRepository
from tasktracker.domain.deliveries.ports import DeliveryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.idempotency.ports import IdempotencyRepository
from tasktracker.domain.jobs.ports import JobRepository
from tasktracker.domain.kernel.actors import ActorT, ActorT_co
from tasktracker.domain.kernel.changes import ChangeLog
from tasktracker.domain.kernel.store import Admission, SecretStore
from tasktracker.domain.notifications.ports import NotificationRepository
from tasktracker.domain.portability.ports import BulkRepository, ImportJobRepository
from tasktracker.domain.reminders.ports import ReminderRepository
from tasktracker.domain.sharing.ports import ShareInvitationRepository
from tasktracker.domain.sync.ports import TicketRepository
from tasktracker.domain.tasks.ports import TaskRepository, TrashRepository


class UnitOfWork(Protocol[ActorT_co]):
    """All repositories, bound to one actor and one time. Never use it after it was closed.

    Each feature declares the part that it needs as a Protocol beside its ports. This class satisfies all these
    Protocols.
    """

    made_at: datetime | None

    @property
    def actor(self) -> ActorT_co: ...
    @property
    def now(self) -> datetime: ...
    @property
    def time_zone(self) -> str:
        """The time zone of the actor's user when the work was opened; that of a system actor is UTC."""
        ...

    @property
    def changes(self) -> ChangeLog: ...
    @property
    def users(self) -> UserRepository: ...
    @property
    def directory(self) -> AccountDirectory: ...
    @property
    def statistics(self) -> StatisticsRepository: ...
    @property
    def quotas(self) -> QuotaRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def second_factors(self) -> SecondFactorRepository: ...
    @property
    def links(self) -> LinkRepository: ...
    @property
    def invites(self) -> InviteRepository: ...
    @property
    def share_invitations(self) -> ShareInvitationRepository: ...
    @property
    def service_settings(self) -> ServiceSettingsRepository: ...
    @property
    def api_tokens(self) -> ApiTokenRepository: ...
    @property
    def activity(self) -> ActivityRepository: ...
    @property
    def categories(self) -> CategoryRepository: ...
    @property
    def tasks(self) -> TaskRepository: ...
    @property
    def trash(self) -> TrashRepository: ...
    @property
    def history(self) -> HistoryRepository: ...
    @property
    def bulk(self) -> BulkRepository: ...
    @property
    def import_jobs(self) -> ImportJobRepository: ...
    @property
    def feed(self) -> FeedRepository: ...
    @property
    def tickets(self) -> TicketRepository: ...
    @property
    def idempotency(self) -> IdempotencyRepository: ...
    @property
    def jobs(self) -> JobRepository: ...
    @property
    def deliveries(self) -> DeliveryRepository: ...
    @property
    def reminders(self) -> ReminderRepository: ...
    @property
    def notifications(self) -> NotificationRepository: ...


class Storage(Admission, SecretStore, Protocol):
    """Opens units of work for actors of every kind (see `kernel.store.Store`). Their type names the actor's."""

    def reading(self, actor: ActorT) -> AbstractContextManager[UnitOfWork[ActorT]]:
        """Open a read-only unit of work."""
        ...

    def snapshot(self, actor: ActorT) -> AbstractContextManager[UnitOfWork[ActorT]]:
        """Open a read-only unit of work whose statements all see one state of the data."""
        ...

    def writing(self, actor: ActorT) -> AbstractContextManager[UnitOfWork[ActorT]]:
        """Open a unit of work that is one transaction."""
        ...

    def ready(self) -> None:
        """Check that the database accepts writes and has this version's schema. Raises StorageUnavailable."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
