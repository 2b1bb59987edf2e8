"""Invitations and settings of the service in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import StoredSetting, Transaction, setting_id
from tasktracker.domain.accounts.invites import Invite, InviteKey
from tasktracker.domain.kernel.paging import Page


class MemoryInvites:
    """Implements InviteRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, invite: Invite) -> None:
        data = self._transaction.data
        if invite.created_by is not None and data.users.get(invite.created_by) is None:
            raise RuntimeError(f"User {invite.created_by} does not exist.")
        self._transaction.put(data.invites, invite)

    def find_usable(self, digest: bytes, now: datetime) -> Invite | None:
        return next((each for each in self._usable(now) if each.digest == digest), None)

    def use(self, digest: bytes, now: datetime) -> Invite | None:
        invite = self.find_usable(digest, now)
        return self._save(invite and replace(invite, uses_left=invite.uses_left - 1))

    def renew(self, invite_id: UUID, digest: bytes, now: datetime) -> Invite | None:
        invite = next((each for each in self._usable(now) if each.id == invite_id), None)
        return self._save(invite and replace(invite, digest=digest))

    def remove(self, invite_id: UUID) -> Invite | None:
        data = self._transaction.data
        invite = data.invites.get(invite_id)
        if invite is not None:
            self._transaction.drop(data.invites, invite_id)
        return invite

    def list(self, after: InviteKey | None, limit: int) -> Page[Invite, InviteKey]:
        found = sorted(self._transaction.data.invites.rows(), key=lambda invite: invite.key, reverse=True)
        following = [invite for invite in found if after is None or invite.key < after]
        return Page.cut(following[: limit + 1], limit, lambda invite: invite.key)

    def purge_before(self, before: datetime, limit: int) -> int:
        data = self._transaction.data
        old = list(islice((invite.id for invite in data.invites.rows() if invite.expires_at < before), limit))
        for invite_id in old:
            self._transaction.drop(data.invites, invite_id)
        return len(old)

    def _usable(self, now: datetime) -> Iterator[Invite]:
        rows = self._transaction.data.invites.rows()
        return (invite for invite in rows if invite.uses_left > 0 and now < invite.expires_at)

    def _save(self, invite: Invite | None) -> Invite | None:
        if invite is not None:
            self._transaction.put(self._transaction.data.invites, invite)
        return invite


class MemoryServiceSettings:
    """Implements ServiceSettingsRepository."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def find(self, name: str) -> str | None:
        stored = self._transaction.data.service_settings.get(setting_id(name))
        return None if stored is None else stored.value

    def save(self, name: str, value: str) -> None:
        self._transaction.put(self._transaction.data.service_settings, StoredSetting(name, value))
