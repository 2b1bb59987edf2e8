"""Letting go of what is kept for a while only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.sync.cursor import MARGIN
from tasktracker.domain.tasks.trash_service import TrashService
from tasktracker.domain.work import Store

WINDOW = timedelta(days=30)
BATCH = 500


class HousekeepingService:
    """Removes what has passed the window.

    That is the trash, histories, answers to requests, events, expired sessions, and what feeds tell of deletions.
    A little at a time, each in a unit of work of its own, so that nobody waits for it and it can stop anywhere.
    """

    def __init__(self, *, store: Store, trash: TrashService, clock: Clock, window: timedelta = WINDOW) -> None:
        self._store = store
        self._trash = trash
        self._clock = clock
        self._window = window

    def sweep(self, most: int | None = None, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Remove what is due, at most so many things of each kind, and return how many that were.

        It ends early once `is_stopping`; what is left over is still due the next time.
        """
        removed = 0
        before = self._clock.now() - self._window
        steps = (
            self._sweep_trash,
            self._sweep_histories,
            self._sweep_answers,
            self._sweep_events,
            self._sweep_sessions,
            self._sweep_tombstones,
            self._sweep_tickets,
        )
        for step in steps:
            done = 0
            while (most is None or done < most) and not is_stopping():
                batch = BATCH if most is None else min(BATCH, most - done)
                count = step(before, batch)
                done += count
                if not count:
                    break
            removed += done
        return removed

    def _sweep_trash(self, before: datetime, batch: int) -> int:
        return self._trash.purge_expired(before, batch)

    def _sweep_histories(self, before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.history.purge_before(before, batch)

    def _sweep_answers(self, before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.idempotency.purge_before(before, batch)

    def _sweep_events(self, before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.activity.purge_before(before, batch)

    def _sweep_tombstones(self, before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.feed.purge_before(before - MARGIN, batch)

    def _sweep_tickets(self, _before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.tickets.purge_before(self._clock.now(), batch)

    def _sweep_sessions(self, before: datetime, batch: int) -> int:
        with self._store.writing(None) as work:
            return work.sessions.purge_before(before, batch)
