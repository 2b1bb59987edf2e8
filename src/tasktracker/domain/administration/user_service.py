"""Administering users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypedDict, cast
from uuid import UUID

from tasktracker.domain.accounts.addresses import notify_of_address
from tasktracker.domain.accounts.last_admin import require_other_admin
from tasktracker.domain.accounts.link_service import create_link
from tasktracker.domain.accounts.links import HANDED_OVER, LinkKind
from tasktracker.domain.accounts.quota import Quotas
from tasktracker.domain.accounts.user import USER, User, UserFields
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.administration.access import require_proof, require_still_admin
from tasktracker.domain.administration.account import AccountKey, AccountQuery, AccountSummary
from tasktracker.domain.administration.ports import AdminWork
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.errors import TwoFactorOff, UserNotFound
from tasktracker.domain.kernel.fields import Refused, Rule, check, optional
from tasktracker.domain.kernel.paging import Page

MAX_QUOTA = 2**53 - 1


class AccountChanges(TypedDict, total=False):
    """What administrators may change of an account; an absent field is left unchanged."""

    username: str
    email: str | None
    is_active: bool
    is_admin: bool
    max_tasks: int | None
    max_categories: int | None
    max_bytes: int | None


def quota(value: int) -> int:
    """The most that an account may own."""
    if not 0 <= value <= MAX_QUOTA:
        raise Refused(f"must be from 0 to {MAX_QUOTA}")
    return value


QUOTA_FIELDS = ("max_tasks", "max_categories", "max_bytes")
CHANGE_RULES: dict[str, Rule] = {name: USER.rules[name] for name in ("username", "email")} | dict.fromkeys(
    QUOTA_FIELDS, optional(quota)
)


class UserAdministration:
    """Use cases on the accounts of others, for administrators and commands. Each write is recorded.

    Writes raise ConfirmationRequired without a recent proof, and UserNotFound.
    """

    def __init__(self, *, recorder: Recorder, outbox: Outbox, characters: Characters) -> None:
        self._recorder = recorder
        self._outbox = outbox
        self._characters = characters

    def list(self, work: AdminWork, query: AccountQuery) -> Page[AccountSummary, AccountKey[Any]]:
        """Return a page of accounts."""
        return work.directory.list(query)

    def get(self, work: AdminWork, user_id: UUID) -> AccountSummary:
        """Return an account. Raises UserNotFound."""
        found = work.directory.find(user_id, work.now)
        if found is None:
            raise UserNotFound
        return found

    def named(self, work: AdminWork, login: str) -> UUID:
        """Return the id of the user with this username or e-mail address. Raises UserNotFound."""
        found = work.users.find_by_login(login)
        if found is None:
            raise UserNotFound
        return found.id

    def edit(
        self, work: AdminWork, user_id: UUID, changes: AccountChanges, origin: Origin = UNKNOWN_ORIGIN
    ) -> AccountSummary:
        """Change an account. Disabling it ends its sessions and links.

        Raises InvalidInput, UsernameTaken, EmailTaken, LastAdmin.
        """
        require_proof(work)
        changes = check(CHANGE_RULES, changes)
        user = self._find(work, user_id)
        names = {name: changes[name] for name in ("username", "email") if name in changes}
        edited = user.edit(cast(UserFields, names), keeps_pending="email" not in names)
        USER.check_changes(user, edited, self._characters)
        edited = edited.activated(changes.get("is_active", user.is_active))
        edited = edited.promoted(changes.get("is_admin", user.is_admin))
        if not (edited.is_admin and edited.is_active):
            require_other_admin(work, user)
            require_still_admin(work)
        if edited is not user:
            work.users.save(replace(edited, version=user.version + 1))
        if not edited.is_active:
            work.sessions.remove_others(user.id, keep=None)
            work.links.remove_of(user.id)
        if self._save_quotas(work, user, changes):
            self._recorder.by_admin(work, Kind.QUOTA_CHANGE, origin, user_id=user.id, detail=user.username)
        for kind in _changed(user, edited):
            event = self._recorder.by_admin(work, kind, origin, user_id=user.id, detail=user.username)
            if kind is Kind.RENAME and edited.verified_email != user.verified_email:
                notify_of_address(self._outbox, work, user, event.id, by_admin=True)
        return self.get(work, user_id)

    def make_link(self, work: AdminWork, user_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> str:
        """Return the token of a one-time link with which the user sets a new password. Changes nothing else.

        The user gets a notice, because the link takes the account over.
        """
        require_proof(work)
        user = self._find(work, user_id)
        self._recorder.by_admin(work, Kind.PASSWORD_LINK, origin, user_id=user.id, detail=user.username)
        return create_link(work, user, LinkKind.RESET_PASSWORD, lifetime=HANDED_OVER)

    def disable_two_factor(self, work: AdminWork, user_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Turn two-factor authentication off for a user who has lost the second factor. Raises TwoFactorOff."""
        require_proof(work)
        user = self._find(work, user_id)
        factor = work.second_factors.find(user.id)
        if factor is None or not factor.is_required:
            raise TwoFactorOff
        work.second_factors.remove(user.id)
        self._recorder.by_admin(work, Kind.TWO_FACTOR_DISABLE, origin, user_id=user.id, detail=user.username)

    def end_sessions(self, work: AdminWork, user_id: UUID, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """End all sessions of a user. API tokens remain."""
        require_proof(work)
        user = self._find(work, user_id)
        work.sessions.remove_others(user.id, keep=None)
        self._recorder.by_admin(work, Kind.SESSION_END, origin, user_id=user.id, detail=user.username)

    def _find(self, work: AdminWork, user_id: UUID) -> User:
        user = work.users.find(user_id)
        if user is None:
            raise UserNotFound
        return user

    def _save_quotas(self, work: AdminWork, user: User, changes: AccountChanges) -> bool:
        """Store the quotas if they have changed, and return whether they have."""
        before = work.quotas.find(user.id)
        changed = {
            name.removeprefix("max_"): changes[name]  # type: ignore[literal-required]
            for name in QUOTA_FIELDS
            if name in changes
        }
        after: Quotas = replace(before, **changed)
        if after != before:
            work.quotas.save(user.id, after)
        return after != before


def _changed(before: User, after: User) -> Iterator[Kind]:
    if (before.username, before.email, before.pending_email) != (after.username, after.email, after.pending_email):
        yield Kind.RENAME
    if before.is_active != after.is_active:
        yield Kind.ENABLE if after.is_active else Kind.DISABLE
    if before.is_admin != after.is_admin:
        yield Kind.PROMOTE if after.is_admin else Kind.DEMOTE
