"""Reading and changing accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasktracker.domain.accounts.addresses import ask_to_verify, notify_of_address
from tasktracker.domain.accounts.password import PasswordPolicy
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation, find_self
from tasktracker.domain.accounts.ports import AccountWork, PasswordHasher
from tasktracker.domain.accounts.user import USER, User, UserFields
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import IdGenerator
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store

OnTimeZone = Callable[[Any, User], None]
"""Called after a user moved to another time zone, in the same unit of work. It may use repositories that `accounts`
does not know."""


class AccountService:
    """Use cases and processes on accounts, for their owners."""

    def __init__(
        self,
        *,
        store: Store[SessionActor, AccountWork[SessionActor]],
        confirmation: PasswordConfirmation[AccountWork[SessionActor]],
        recorder: Recorder,
        outbox: Outbox,
        ids: IdGenerator,
        passwords: PasswordHasher,
        policy: PasswordPolicy,
        characters: Characters,
        on_time_zone: OnTimeZone,
    ) -> None:
        self._store = store
        self._confirmation = confirmation
        self._recorder = recorder
        self._outbox = outbox
        self._ids = ids
        self._passwords = passwords
        self._policy = policy
        self._characters = characters
        self._on_time_zone = on_time_zone

    def profile(self, work: AccountWork[SessionActor]) -> User:
        """Return the actor's own account."""
        return find_self(work)

    def edit(
        self,
        actor: SessionActor,
        fields: UserFields,
        password: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
        code: str | None = None,
        *,
        keeps_pending: bool = True,
    ) -> User:
        """Change the actor's profile. A change of the username or e-mail address requires a proof.

        If mail is configured, a new address is pending until it is verified, also if another account has it. Without a
        new address, `keeps_pending` decides whether an address stays pending. This is a process: no unit of work is
        open while the password is verified. Raises InvalidInput, ConfirmationRequired, UsernameTaken, EmailTaken,
        TooManyRequests.
        """
        fields = USER.check(fields)

        def is_renamed(user: User) -> bool:
            edited = user.edit(fields)
            return (edited.username, edited.email) != (user.username, user.email)

        def change(work: AccountWork[SessionActor], user: User) -> User:
            USER.check_changes(user, user.edit(fields), self._characters)
            edited = user.edit(fields, is_mail_on=self._outbox.is_on, keeps_pending=keeps_pending)
            if edited is not user:
                work.users.save(edited)
            if edited.time_zone != user.time_zone:
                self._on_time_zone(work, edited)
            if is_renamed(user):
                event = self._recorder.success(work, Kind.RENAME, origin, user.id, actor.session_id)
                if edited.verified_email != user.verified_email:
                    notify_of_address(self._outbox, work, user, event.id)
            if edited.pending_email not in (None, user.pending_email):
                ask_to_verify(self._outbox, work, edited, self._ids)
            return edited

        return self._confirmation.write(
            actor, password, "password", Kind.RENAME, origin, change, code, is_sensitive=is_renamed
        )

    def change_password(
        self,
        actor: SessionActor,
        current: str | None,
        new: str,
        origin: Origin = UNKNOWN_ORIGIN,
        code: str | None = None,
    ) -> None:
        """Change the password, and end every other session. This is a process.

        Raises InvalidInput, ConfirmationRequired, TooManyRequests.
        """
        with self._store.reading(actor) as work:
            profile = find_self(work)
        strong = self._policy.rule(profile.username, profile.email)
        chosen = check({"new_password": strong}, {"new_password": new})["new_password"]
        changed = self._passwords.hash(chosen)

        def change(work: AccountWork[SessionActor], user: User) -> None:
            work.users.save(user.with_password(changed))
            work.sessions.remove_others(user.id, keep=actor.session_id)
            self._recorder.success(work, Kind.PASSWORD_CHANGE, origin, user.id, actor.session_id)

        self._confirmation.write(actor, current, "current_password", Kind.PASSWORD_CHANGE, origin, change, code)
