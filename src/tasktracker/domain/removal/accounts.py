"""Deleting an account with all its data."""

from __future__ import annotations

from dataclasses import replace

from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.feed.entries import entries_of
from tasktracker.domain.kernel import deadline
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.removal.ports import AccountRemovalWork
from tasktracker.domain.sharing.service import SharingService
from tasktracker.domain.tasks.tree import lock_roots


class AccountRemoval:
    """The process that deletes the actor's account, after verifying the password."""

    def __init__(
        self, *, confirmation: PasswordConfirmation[AccountRemovalWork], sharing: SharingService, recorder: Recorder
    ) -> None:
        self._confirmation = confirmation
        self._sharing = sharing
        self._recorder = recorder

    def delete(self, actor: SessionActor, password: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Remove the actor's account with all its data.

        Raises InvalidInput if the password is wrong, TooManyRequests.
        """

        def delete(work: AccountRemovalWork, user: User) -> None:
            deadline.current().lift()
            self._sharing.leave_all(work)
            _revoke_all(work)
            work.users.remove(user.id)
            work.feed.drop(user.id)
            self._recorder.success(work, Kind.DELETE, origin, None)

        self._confirmation.write(actor, password, "password", Kind.DELETE, origin, delete)


def _revoke_all(work: AccountRemovalWork) -> None:
    """Add deletions of the actor's shared tasks to the feeds of their members, before the tasks are removed."""
    for root in work.tasks.shared_by(work.actor.user_id):
        lock_roots(work, root)
        for each in work.tasks.tree(root):
            work.feed.add(entries_of(each, replace(each, members=())))
