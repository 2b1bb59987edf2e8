"""Invitations to tasks and categories in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from uuid import UUID

from tasktracker.adapters.memory.tables import Transaction
from tasktracker.domain.accounts.user import email_key
from tasktracker.domain.sharing.invitation import ShareInvitation


class MemoryShareInvitations:
    """Implements ShareInvitationRepository. Invitations whose subject or user was removed stay until they expire."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def add(self, invitation: ShareInvitation) -> None:
        data = self._transaction.data
        if any(email_key(each.address) == email_key(invitation.address) for each in self.list_of(invitation.subject)):
            raise RuntimeError(f"{invitation.address} is invited already.")
        self._transaction.put(data.share_invitations, invitation)
        if self.find(invitation.id) is None:
            raise RuntimeError(f"{invitation} refers to what does not exist.")

    def find(self, invitation_id: UUID) -> ShareInvitation | None:
        return next((each for each in self._stored() if each.id == invitation_id), None)

    def find_linked(self, digest: bytes) -> ShareInvitation | None:
        return next((each for each in self._stored() if each.digest == digest), None)

    def list_of(self, subject: UUID) -> Sequence[ShareInvitation]:
        return _sorted(each for each in self._stored() if each.subject == subject)

    def list_to(self, address: str) -> Sequence[ShareInvitation]:
        return _sorted(each for each in self._stored() if email_key(each.address) == email_key(address))

    def save(self, invitation: ShareInvitation) -> None:
        self._transaction.put(self._transaction.data.share_invitations, invitation)

    def renew(self, invitation_id: UUID, digest: bytes) -> bool:
        invitation = self.find(invitation_id)
        if invitation is not None:
            self.save(replace(invitation, digest=digest))
        return invitation is not None

    def remove(self, invitation_id: UUID) -> None:
        self._transaction.drop(self._transaction.data.share_invitations, invitation_id)

    def purge_before(self, before: datetime, limit: int) -> int:
        rows = self._transaction.data.share_invitations.rows()
        old = list(islice((each.id for each in rows if each.expires_at < before), limit))
        for invitation_id in old:
            self.remove(invitation_id)
        return len(old)

    def _stored(self) -> Iterator[ShareInvitation]:
        data = self._transaction.data
        for each in data.share_invitations.rows():
            subject = data.tasks.get(each.task_id) if each.task_id else data.categories.get(each.subject)
            if subject is not None and data.users.get(each.invited_by) is not None:
                yield each


def _sorted(found: Iterator[ShareInvitation]) -> Sequence[ShareInvitation]:
    return sorted(found, key=lambda each: (each.created_at, each.id))
