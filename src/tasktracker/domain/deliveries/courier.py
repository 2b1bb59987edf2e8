"""Sending deliveries."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from tasktracker.domain.deliveries.delivery import Delivery, DeliveryKind, DeliveryState, Letter
from tasktracker.domain.deliveries.ports import DeliveryWork, Mailer, NotSent, Preparation
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.clock import Clock
from tasktracker.domain.kernel.errors import StorageUnavailable
from tasktracker.domain.kernel.leases import is_free
from tasktracker.domain.kernel.store import Store

FAULT = "an internal error, which the log of the server describes"

RELAY_PAUSE = timedelta(seconds=10)
"""How long a process sends nothing after its relay failed. In this time, attempts of other deliveries would fail,
too."""

WorkT = TypeVar("WorkT", bound=DeliveryWork)


_JITTER = random.Random().random  # noqa: S311  # not a secret


class Courier(Generic[WorkT]):
    """The process that sends deliveries. Several of them, in any processes on any hosts, share the deliveries.

    A delivery is claimed and prepared in one unit of work, then sent while none is open, then recorded in another. If a
    process ends before it records a delivery, it may have sent the delivery. After the lease, another process sends the
    delivery again, with the same Message-ID and content.

    `clock` must be the same for all hosts, because each host reads the ends of the leases of the others.
    """

    def __init__(
        self,
        *,
        store: Store[SystemActor, WorkT],
        clock: Clock,
        mailer: Mailer | None,
        preparations: Mapping[DeliveryKind, Preparation[WorkT]],
        jitter: Callable[[], float] = _JITTER,
    ) -> None:
        self._store = store
        self._clock = clock
        self._mailer = mailer
        self._preparations = preparations
        self._jitter = jitter
        self._pauses_until: datetime | None = None

    def run_next(self, is_stopping: Callable[[], bool] = lambda: False) -> Delivery | None:
        """Make the next attempt that is due, and return the delivery as it is stored afterwards.

        Return None if no attempt is due, if no mail is configured, and for `RELAY_PAUSE` after the relay has failed.
        """
        now = self._clock.now()
        if self._mailer is None or is_stopping() or not is_free(self._pauses_until, now, RELAY_PAUSE):
            return None
        with self._store.reading(SystemActor("find deliveries")) as work:
            if not work.deliveries.has_due(now):  # without waiting for SQLite's writer
                self._mailer.close()
                return None
        claimed, letter = self._claim()
        if claimed is None or letter is None:
            return claimed
        try:
            self._mailer.send(letter)
        except NotSent as failure:
            if failure.is_of_relay:
                self._pauses_until = self._clock.now() + RELAY_PAUSE
            return self._record(claimed, failure)
        except Exception:
            self._record(claimed, NotSent(FAULT))
            raise
        return self._record(claimed, None)

    def run_all(self) -> int:
        """Make all attempts that are due, and return their number."""
        made = 0
        while self.run_next() is not None:
            made += 1
        return made

    def _claim(self) -> tuple[Delivery | None, Letter | None]:
        """Claim a delivery and prepare it. Return no letter if it is skipped."""
        claimed = None
        try:
            with self._store.writing(SystemActor("send a delivery")) as work:
                claimed = work.deliveries.claim(self._clock.now())
                if claimed is None:
                    return None, None
                prepared = self._preparations[claimed.kind](work, claimed)
                if isinstance(prepared, str):
                    delivery, letter = claimed.ended(DeliveryState.SKIPPED, self._clock.now(), prepared), None
                else:
                    delivery, letter = prepared
                work.deliveries.save(delivery)
        except Exception as error:
            # The claim was rolled back, too. Without a recorded failure, the delivery would be claimed again at once.
            if claimed is not None and not isinstance(error, StorageUnavailable):
                self._record(claimed, NotSent(FAULT))
            raise
        return delivery, letter

    def _record(self, sent: Delivery, failure: NotSent | None) -> Delivery:
        """Store the result of an attempt to send a claimed delivery, and return the delivery.

        Another process may have claimed it meanwhile. A success is stored even then, so that the delivery is not sent
        again.
        """
        now = self._clock.now()
        with self._store.writing(SystemActor("record a delivery")) as work:
            delivery = work.deliveries.find(sent.id)
            if delivery is None or delivery.state is not DeliveryState.DUE:
                return delivery or sent
            if failure is None:
                delivery = delivery.ended(DeliveryState.SENT, now)
            elif delivery.leased_until not in (None, sent.leased_until):
                return delivery
            elif failure.is_permanent:
                delivery = delivery.ended(DeliveryState.FAILED, now, failure.problem)
            else:
                delivery = replace(delivery, attempts=sent.attempts).deferred(now, failure.problem, self._jitter)
            work.deliveries.save(delivery)
        return delivery
