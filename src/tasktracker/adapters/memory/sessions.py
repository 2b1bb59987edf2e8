"""Sessions in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredUse, Transaction
from tasktracker.domain.accounts.session import Session
from tasktracker.domain.kernel.errors import Stale


class MemorySessions:
    """Implements SessionRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, session: Session) -> None:
        data = self._transaction.data
        if data.sessions.get(session.id) is not None:
            raise RuntimeError(f"Session {session.id} already exists.")
        if data.users.get(session.user_id) is None:
            raise RuntimeError(f"User {session.user_id} does not exist.")
        self._transaction.put(data.sessions, session)

    def find(self, session_id: UUID) -> Session | None:
        return self._transaction.data.sessions.get(session_id)

    def find_unlocked(self, session_id: UUID) -> Session | None:
        return self.find(session_id)

    def save(self, session: Session) -> None:
        stored = self.find(session.id)
        if stored is None or stored.generation > session.generation:
            raise self._transaction.refusal(Stale(stored))
        self._transaction.put(self._transaction.data.sessions, session)

    def remove(self, session_id: UUID) -> None:
        self._transaction.drop(self._transaction.data.sessions, session_id)

    def remove_others(self, user_id: UUID, keep: UUID | None) -> None:
        sessions = self.list(user_id)
        if keep is None and sessions:
            uses = self._transaction.data.last_uses
            last, stored = max(each.used_at for each in sessions), uses.get(user_id)
            self._transaction.put(uses, StoredUse(user_id, max(last, stored.at) if stored else last))
        for session in sessions:
            if session.id != keep:
                self.remove(session.id)

    def clear_proofs(self, user_id: UUID) -> None:
        for session in self.list(user_id):
            self._transaction.put(self._transaction.data.sessions, replace(session, proved_at=None))

    def purge_before(self, before: datetime, limit: int) -> int:
        sessions = self._transaction.data.sessions
        old = list(islice((session.id for session in sessions.rows() if session.expires_at < before), limit))
        for session_id in old:
            self._transaction.drop(sessions, session_id)
        return len(old)

    def list(self, user_id: UUID) -> Sequence[Session]:
        data = self._transaction.data
        found = (data.sessions.get(session_id) for _, session_id in reversed(data.sessions_of.keys(user_id)))
        return [session for session in found if session is not None]
