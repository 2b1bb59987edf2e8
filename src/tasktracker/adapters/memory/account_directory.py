"""The list of all accounts in memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.adapters.memory.usage import MemoryQuotas
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import Outcome
from tasktracker.domain.administration.account import AccountKey, AccountQuery, AccountSummary
from tasktracker.domain.kernel.paging import Page


class MemoryAccountDirectory:
    """Implements AccountDirectory."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def list(self, query: AccountQuery) -> Page[AccountSummary, AccountKey[Any]]:
        def place(key: AccountKey[Any]) -> tuple[Any, UUID]:
            return key.value, key.id

        users = [user for user in self._transaction.data.users.rows() if not self._transaction.is_hidden(user.id)]
        found = [self._summary(user, query.now) for user in users if query.matches(user)]
        found.sort(key=lambda each: place(each.key(query.sort)), reverse=query.sort.is_descending)
        if query.after is not None:
            after, sign = place(query.after), query.sort.is_descending
            places = ((each, place(each.key(query.sort))) for each in found)
            found = [each for each, here in places if (here < after if sign else here > after)]
        return Page.cut(found[: query.limit + 1], query.limit, lambda each: each.key(query.sort))

    def find(self, user_id: UUID, now: datetime) -> AccountSummary | None:
        user = None if self._transaction.is_hidden(user_id) else self._transaction.data.users.get(user_id)
        return None if user is None else self._summary(user, now)

    def _summary(self, user: User, now: datetime) -> AccountSummary:
        data, quotas = self._transaction.data, MemoryQuotas(self._transaction)
        factor = data.second_factors.get(user.id)
        found = (data.sessions.get(session_id) for _, session_id in data.sessions_of.keys(user.id))
        sessions = [session for session in found if session is not None]
        uses = [session.used_at for session in sessions]
        if ended := data.last_uses.get(user.id):
            uses.append(ended.at)
        actions = [
            event.at
            for event in data.events.rows()
            if event.user_id == user.id
            and event.outcome is Outcome.SUCCESS
            and event.session_id is not None
            and event.subject is None
        ]
        return AccountSummary(
            user=user,
            has_two_factor=factor is not None and factor.is_required,
            last_seen_at=max([*uses, *actions], default=None),
            sessions=sum(session.is_live(now) for session in sessions),
            usage=quotas.usage(user.id),
            quotas=quotas.find(user.id),
        )
