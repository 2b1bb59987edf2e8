"""Confirming the password again before operations for which a stolen token must not be enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from tasktracker.domain.accounts.password import credential, matching_form
from tasktracker.domain.accounts.ports import AccountWork, PasswordHasher
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import InvalidInput, SessionEnded
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import PASSWORD_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle

Result = TypeVar("Result")
Work = TypeVar("Work", bound=AccountWork[SessionActor])


class PasswordConfirmation(Generic[Work]):
    """Verifies the actor's own password.

    Attempts are throttled by account. A wrong password is recorded as a failure of the operation that requires it.
    """

    def __init__(
        self, *, store: Store[SessionActor, Work], recorder: Recorder, passwords: PasswordHasher, throttle: Throttle
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._passwords = passwords
        self._throttle = throttle

    def verify(self, actor: SessionActor, password: str, field: str, kind: Kind, origin: Origin) -> str:
        """Return the stored hash that the password matches. No work is open while the password is verified.

        Raises InvalidInput with the field if the password is wrong, TooManyRequests.
        """
        password = check({field: credential}, {field: password})[field]
        with self._store.reading(actor) as work:
            stored = find_self(work).password_hash
        bucket = Bucket.of(PASSWORD_BY_ACCOUNT, str(actor.user_id))
        self._throttle.consume(bucket)
        if matching_form(self._passwords, password, stored) is None:
            self._recorder.failure(kind, origin, actor.user_id, actor.session_id)
            raise InvalidInput.of(field, "is wrong")
        self._throttle.refund(bucket)
        return stored

    def write(
        self,
        actor: SessionActor,
        password: str,
        field: str,
        kind: Kind,
        origin: Origin,
        change: Callable[[Work, User], Result],
    ) -> Result:
        """Verify the password, then make a change to the actor's locked account. Raises like `verify`."""
        verified = self.verify(actor, password, field, kind, origin)
        with self._store.writing(actor) as work:
            user = find_self(work)
            # The hash was verified before this work began. It must still be the stored one.
            if user.password_hash == verified:
                return change(work, user)
        self._recorder.failure(kind, origin, actor.user_id, actor.session_id)
        raise InvalidInput.of(field, "is wrong")


def find_self(work: AccountWork[SessionActor]) -> User:
    """Return the actor's own account; a writing work locks it. Raises SessionEnded."""
    user = work.users.find(work.actor.user_id)
    # Opening the work checked that the user exists. Only a later removal can lead to None.
    if user is None:
        raise SessionEnded
    return user
