"""Deliveries in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.accounts.user import email_key
from tasktracker.domain.deliveries.delivery import RESTORED, Delivery, DeliveryKey, DeliveryKind, DeliveryState, Failing
from tasktracker.domain.kernel.paging import Page


class MemoryDeliveries:
    """Implements DeliveryRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self.has_added = False

    def add(self, delivery: Delivery) -> None:
        data = self._transaction.data
        if delivery.user_id is not None and data.users.get(delivery.user_id) is None:
            raise RuntimeError(f"User {delivery.user_id} does not exist.")
        if self.find(delivery.id) is None:
            self.save(delivery)

    def has_due(self, now: datetime) -> bool:
        return any(each.is_claimable(now) for each in self._transaction.data.deliveries.rows())

    def claim(self, now: datetime) -> Delivery | None:
        self._transaction.require_writable()
        claimable = [each for each in self._transaction.data.deliveries.rows() if each.is_claimable(now)]
        if not claimable:
            return None
        claimed = min(claimable, key=lambda each: (each.next_attempt_at, each.id)).claimed(now)
        self.save(claimed)
        return claimed

    def find(self, delivery_id: UUID) -> Delivery | None:
        return self._transaction.data.deliveries.get(delivery_id)

    def save(self, delivery: Delivery) -> None:
        self._transaction.put(self._transaction.data.deliveries, delivery)
        self.has_added |= delivery.state is DeliveryState.DUE and delivery.leased_until is None

    def count_since(self, kind: DeliveryKind, address: str, since: datetime) -> int:
        return sum(
            each.kind is kind
            and each.address is not None
            and email_key(each.address) == email_key(address)
            and each.created_at >= since
            and each.state is not DeliveryState.SKIPPED
            for each in self._transaction.data.deliveries.rows()
        )

    def list(
        self, user_id: UUID | None, state: DeliveryState | None, after: DeliveryKey | None, limit: int
    ) -> Page[Delivery, DeliveryKey]:
        found = [
            each
            for each in self._transaction.data.deliveries.rows()
            if user_id in (None, each.user_id) and state in (None, each.state) and (after is None or each.key < after)
        ]
        found.sort(key=lambda each: each.key, reverse=True)
        return Page.cut(found[: limit + 1], limit, lambda each: each.key)

    def summary(self) -> Mapping[DeliveryState, tuple[int, datetime]]:
        found: dict[DeliveryState, tuple[int, datetime]] = {}
        for each in self._transaction.data.deliveries.rows():
            count, oldest = found.get(each.state, (0, each.created_at))
            found[each.state] = (count + 1, min(oldest, each.created_at))
        return found

    def failing(self) -> Failing | None:
        rows = self._transaction.data.deliveries.rows()
        found = [(each.problem, each.created_at) for each in rows if each.state is DeliveryState.DUE and each.problem]
        if not found:
            return None
        problems = Counter(problem for problem, _ in found)
        return Failing(len(found), min(at for _, at in found), min(problems, key=lambda each: (-problems[each], each)))

    def skip_due(self, now: datetime) -> int:
        due = [each for each in self._transaction.data.deliveries.rows() if each.state is DeliveryState.DUE]
        for each in due:
            self.save(each.ended(DeliveryState.SKIPPED, now, RESTORED))
        return len(due)

    def purge_before(self, before: datetime, limit: int) -> int:
        rows = self._transaction.data.deliveries.rows()
        old = list(islice((each.id for each in rows if each.ended_at and each.ended_at < before), limit))
        for delivery_id in old:
            self._transaction.drop(self._transaction.data.deliveries, delivery_id)
        return len(old)
