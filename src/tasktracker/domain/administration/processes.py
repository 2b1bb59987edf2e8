"""Processes on the accounts of others, for administrators and commands: those that hash a password or wait."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import LinkKind
from tasktracker.domain.accounts.password import PasswordPolicy
from tasktracker.domain.accounts.ports import PasswordHasher
from tasktracker.domain.accounts.registration_service import RegistrationService
from tasktracker.domain.accounts.user import User, UserFields
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.administration.access import require_proof, require_still_admin
from tasktracker.domain.administration.ports import Administrator, AdminWork
from tasktracker.domain.administration.user_service import UserAdministration
from tasktracker.domain.kernel.errors import UserNotFound
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.removal.accounts import checked_transfer, end_account, wait_for_earlier_writes
from tasktracker.domain.removal.ports import AccountRemovalWork


class AccountProcesses:
    """Creates accounts, sets their passwords and deletes them. Each change is recorded."""

    def __init__(
        self,
        *,
        store: Store[Any, Any],
        recorder: Recorder,
        registration: RegistrationService,
        users: UserAdministration,
        passwords: PasswordHasher,
        policy: PasswordPolicy,
        count: Callable[[], None],
    ) -> None:
        self._store: Store[Administrator, AdminWork] = store
        self._removals: Store[Administrator, AccountRemovalWork] = store
        self._jobs = store
        self._recorder = recorder
        self._registration = registration
        self._users = users
        self._passwords = passwords
        self._policy = policy
        self._count = count

    def create(
        self,
        actor: Administrator,
        fields: UserFields,
        password: str | None = None,
        *,
        is_admin: bool = False,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> tuple[User, str | None]:
        """Create an account, also if registration is closed.

        Without a password, it gets a random one. The returned token is for a one-time link with which the user sets the
        first password. Raises InvalidInput, UsernameTaken, EmailTaken, ConfirmationRequired.
        """
        with self._store.reading(actor) as work:
            require_proof(work)
        first = secrets.token_urlsafe(32) if password is None else password
        user = self._registration.new_user(fields, first, is_admin=is_admin)
        with self._store.writing(actor) as work:
            require_proof(work)
            work.users.add(user)
            self._recorder.by_admin(work, Kind.REGISTER, origin, user_id=user.id, detail=user.username)
            if is_admin:
                self._recorder.by_admin(work, Kind.PROMOTE, origin, user_id=user.id, detail=user.username)
            return user, create_link(work, user, LinkKind.SET_PASSWORD) if password is None else None

    def set_password(self, actor: Administrator, user_id: UUID, password: str) -> None:
        """Replace a password, end all sessions and links, and revoke all API tokens.

        Raises InvalidInput, UserNotFound, ConfirmationRequired.
        """
        with self._store.reading(actor) as work:
            require_proof(work)
            found = self._users.get(work, user_id).user
        strong = self._policy.rule(found.username, found.email)
        changed = self._passwords.hash(check({"password": strong}, {"password": password})["password"])
        with self._store.writing(actor) as work:
            require_proof(work)
            user = work.users.find(user_id)
            if user is None:
                raise UserNotFound
            work.users.save(user.with_password(changed))
            work.sessions.remove_others(user.id, keep=None)
            work.api_tokens.remove_all(user.id)
            self._recorder.by_admin(work, Kind.PASSWORD_CHANGE, UNKNOWN_ORIGIN, user_id=user.id, detail=user.username)

    def delete(
        self,
        actor: Administrator,
        user_id: UUID,
        transfer_to: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> None:
        """End an account and remove all its data. A job removes large amounts of data (see `removal.accounts`).

        Raises InvalidInput if no category can pass to `transfer_to`; UserNotFound, ConfirmationRequired, LastAdmin,
        Busy.
        """
        transfer_to = checked_transfer(transfer_to)
        self._count()  # what happened today, before the data of the account is removed
        with self._removals.writing(actor) as work:
            administration = cast(AdminWork, work)
            require_proof(administration)
            user = work.users.find(user_id)
            if user is None:
                raise UserNotFound
            job = end_account(work, user, transfer_to)
            require_still_admin_unless_self(administration, user_id)
            self._recorder.by_admin(administration, Kind.DELETE, origin, subject=user_id, detail=user.username)
        wait_for_earlier_writes(self._jobs, job)


def require_still_admin_unless_self(work: AdminWork, user_id: UUID) -> None:
    """Raise AdminRequired if the actor has lost the role meanwhile, except by deleting their own account."""
    if work.actor.user_id != user_id:
        require_still_admin(work)
