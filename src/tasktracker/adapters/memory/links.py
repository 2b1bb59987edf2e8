"""One-time links in memory."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredLink, Transaction, digest_id
from tasktracker.domain.accounts.links import LinkKind, OneTimeLink


class MemoryLinks:
    """Implements LinkRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, link: OneTimeLink) -> None:
        if self._transaction.data.users.get(link.user_id) is None:
            raise RuntimeError(f"User {link.user_id} does not exist.")
        self.remove_of(link.user_id, link.kind)
        self._transaction.put(self._transaction.data.links, StoredLink(link))

    def find(self, digest: bytes) -> OneTimeLink | None:
        stored = self._transaction.data.links.get(digest_id(digest))
        return None if stored is None else stored.link

    def take(self, digest: bytes) -> bool:
        found = self.find(digest)
        if found is not None:
            self._transaction.drop(self._transaction.data.links, digest_id(digest))
        return found is not None

    def remove_of(self, user_id: UUID, kind: LinkKind | None = None) -> None:
        data = self._transaction.data
        for link_id in tuple(data.links_of.keys(user_id)):
            stored = data.links.get(link_id)
            if stored is not None and kind in (None, stored.link.kind):
                self._transaction.drop(data.links, link_id)

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = list(islice((stored.id for stored in data.links.rows() if stored.link.expires_at < before), limit))
        for stored_id in old:
            self._transaction.drop(data.links, stored_id)
        return len(old)
