"""Removing data whose retention time has passed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from tasktracker.domain.accounts.ports import LinkRepository, SessionRepository
from tasktracker.domain.accounts.registration_ports import InviteRepository
from tasktracker.domain.activity.ports import ActivityRepository
from tasktracker.domain.administration.overview import count_day, days_to_count
from tasktracker.domain.administration.ports import StatisticsRepository
from tasktracker.domain.administration.statistics import DAYS, Maintenance
from tasktracker.domain.deliveries.ports import DeliveryRepository
from tasktracker.domain.feed.ports import FeedRepository
from tasktracker.domain.history.ports import HistoryRepository
from tasktracker.domain.idempotency.ports import IdempotencyRepository
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.changes import ChangeLog
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.retention import MARGIN, RETENTION
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.notifications.notification import KEPT_FOR
from tasktracker.domain.notifications.ports import NotificationRepository
from tasktracker.domain.notifications.service import purge_notifications
from tasktracker.domain.portability.ports import ImportJobRepository
from tasktracker.domain.sharing.ports import ShareInvitationRepository
from tasktracker.domain.sync.ports import TicketRepository
from tasktracker.domain.tasks.ports import PurgeWork
from tasktracker.domain.tasks.trash_service import purge_expired

BATCH = 500
SWEEP = SystemActor("sweep")


class SweepWork(PurgeWork, Protocol):
    """A unit of work on all data with a retention time."""

    @property
    def history(self) -> HistoryRepository: ...
    @property
    def idempotency(self) -> IdempotencyRepository: ...
    @property
    def activity(self) -> ActivityRepository: ...
    @property
    def sessions(self) -> SessionRepository: ...
    @property
    def feed(self) -> FeedRepository: ...
    @property
    def links(self) -> LinkRepository: ...
    @property
    def invites(self) -> InviteRepository: ...
    @property
    def share_invitations(self) -> ShareInvitationRepository: ...
    @property
    def tickets(self) -> TicketRepository: ...
    @property
    def import_jobs(self) -> ImportJobRepository: ...
    @property
    def deliveries(self) -> DeliveryRepository: ...
    @property
    def now(self) -> datetime: ...
    @property
    def changes(self) -> ChangeLog: ...
    @property
    def notifications(self) -> NotificationRepository: ...
    @property
    def statistics(self) -> StatisticsRepository: ...


class HousekeepingService:
    """The process that removes data older than its retention time, and counts what happened on each day.

    It removes tasks in the trash, histories, stored results, events, deliveries,
    notifications, import jobs, expired sessions, links,
    invitations and tickets, and deletions in feeds. Each batch is a separate unit of work, so that others do not wait
    and the process can stop between batches.

    Another host may have another clock or retention, so a reader cannot compute what is still stored. Readers look at
    the data instead: a feed has the mark `swept`, a result has `expires_at`, and a history has its versions.
    """

    def __init__(self, *, store: Store[SystemActor, SweepWork], clock: Clock, retention: timedelta = RETENTION) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention

    def sweep(self, limit: int | None = None, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Remove expired data, at most `limit` rows of each kind, and return how many were removed.

        Stops early once `is_stopping` returns True. The next sweep removes the rest.
        """
        removed = 0
        now = self._clock.now()
        self.count()  # before its sources are removed
        before = now - self._retention
        steps: tuple[Callable[[SweepWork, int], int], ...] = (
            lambda work, batch: work.history.purge_before(before, batch),
            lambda work, batch: work.idempotency.purge_before(now - MARGIN, batch),
            lambda work, batch: work.activity.purge_before(before, batch),
            lambda work, batch: work.sessions.purge_before(before, batch),
            lambda work, batch: work.feed.purge_before(before - MARGIN, batch),
            lambda work, batch: work.links.purge_before(now - MARGIN, batch),
            lambda work, batch: work.invites.purge_before(before, batch),
            lambda work, batch: work.share_invitations.purge_before(now - MARGIN, batch),
            lambda work, batch: work.tickets.purge_before(now - MARGIN, batch),
            lambda work, batch: work.deliveries.purge_before(before, batch),
            lambda work, batch: purge_notifications(work, now - KEPT_FOR, batch),
            lambda work, batch: work.import_jobs.purge(work.import_jobs.expired(before, batch), batch),
        )
        for sweep in (lambda batch: self._purge_trash(before, batch), *(self._in_one_work(step) for step in steps)):
            done = 0
            while (limit is None or done < limit) and not is_stopping():
                count = sweep(BATCH if limit is None else min(BATCH, limit - done))
                done += count
                if not count:
                    break
            removed += done
        with self._store.writing(SWEEP) as work:
            work.statistics.mark(Maintenance.SWEEP, now)
            work.statistics.purge_before((now - timedelta(days=2 * DAYS)).date())
        return removed

    def count(self) -> None:
        """Count what happened on the days since the last sweep."""
        now = self._clock.now()
        with self._store.reading(SWEEP) as work:
            last = work.statistics.marks().get(Maintenance.SWEEP)
        for day in days_to_count(last, now):
            with self._store.reading(SWEEP) as work:
                counts = count_day(work, day)
            with self._store.writing(SWEEP) as work:
                work.statistics.save(day, counts)

    def _in_one_work(self, step: Callable[[SweepWork, int], int]) -> Callable[[int], int]:
        def sweep(batch: int) -> int:
            with self._store.writing(SWEEP) as work:
                return step(work, batch)

        return sweep

    def _purge_trash(self, before: datetime, batch: int) -> int:
        """Purge tasks deleted before `before`, each with its subtasks, and return their number without subtasks.

        A job purges the subtasks of large trees.
        """
        with self._store.reading(SWEEP) as work:
            expired = work.trash.expired(before, batch)
        purged = 0
        for task_id in expired:
            with self._store.writing(SWEEP) as work:
                purged += purge_expired(work, task_id, before)
        return purged
