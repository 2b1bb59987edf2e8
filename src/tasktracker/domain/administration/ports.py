"""The repositories of administration, and its units of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from tasktracker.domain.accounts.ports import AccountWork, LinkRepository, QuotaRepository, TokenRevocation
from tasktracker.domain.accounts.registration_ports import InviteRepository, ServiceSettingsRepository
from tasktracker.domain.administration.account import AccountKey, AccountQuery, AccountSummary
from tasktracker.domain.administration.statistics import Counted, DayCounts, Maintenance, Totals
from tasktracker.domain.jobs.ports import JobRepository
from tasktracker.domain.kernel.actors import AdminActor, SystemActor
from tasktracker.domain.kernel.paging import Page

Administrator = AdminActor | SystemActor
"""Those who administer the service: an administrator in a session, and commands."""


class AccountDirectory(Protocol):
    """All accounts, without those that are being removed."""

    def list(self, query: AccountQuery) -> Page[AccountSummary, AccountKey[Any]]:
        """Return a page of accounts."""
        ...

    def find(self, user_id: UUID, now: datetime) -> AccountSummary | None:
        """Return an account. Locks nothing."""
        ...


class StatisticsRepository(Protocol):
    """Counts of the data in the service and of the events in it."""

    def totals(self) -> Totals:
        """Count users and tasks."""
        ...

    def count(self, counted: Counted, begin: datetime, end: datetime) -> int:
        """Count what happened in a range of time, from the data that is still stored. `end` is not included."""
        ...

    def save(self, day: date, counts: Mapping[Counted, int]) -> None:
        """Store counts of a day. A count never decreases: what was counted may have been removed since."""
        ...

    def days(self, since: date) -> Sequence[DayCounts]:
        """Return the stored counts of days since a day, in order."""
        ...

    def purge_before(self, day: date) -> None:
        """Remove the counts of earlier days."""
        ...

    def mark(self, maintenance: Maintenance, at: datetime) -> None:
        """Store when maintenance was done."""
        ...

    def marks(self) -> Mapping[Maintenance, datetime]:
        """Return when maintenance was last done."""
        ...


class AdminWork(AccountWork[Administrator], Protocol):
    """A unit of work of administration."""

    @property
    def actor(self) -> Administrator: ...
    @property
    def quotas(self) -> QuotaRepository: ...
    @property
    def links(self) -> LinkRepository: ...
    @property
    def api_tokens(self) -> TokenRevocation: ...
    @property
    def invites(self) -> InviteRepository: ...
    @property
    def service_settings(self) -> ServiceSettingsRepository: ...
    @property
    def directory(self) -> AccountDirectory: ...
    @property
    def statistics(self) -> StatisticsRepository: ...
    @property
    def jobs(self) -> JobRepository: ...


class StatisticsWork(Protocol):
    """A unit of work on counts."""

    @property
    def now(self) -> datetime: ...
    @property
    def statistics(self) -> StatisticsRepository: ...
