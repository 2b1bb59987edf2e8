"""Proofs of the actor's identity, before operations for which a stolen token must not be enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from tasktracker.domain.accounts.code_verifier import CodeVerifier
from tasktracker.domain.accounts.password import credential, matching_form
from tasktracker.domain.accounts.ports import AccountWork, PasswordHasher, ProofWork
from tasktracker.domain.accounts.second_factor import canonical_code
from tasktracker.domain.accounts.user import User
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.errors import ConfirmationRequired, InvalidInput, SessionEnded
from tasktracker.domain.kernel.fields import check, optional
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import CODE_BY_ACCOUNT, PASSWORD_BY_ACCOUNT, Bucket
from tasktracker.domain.throttling.throttle import Throttle

Result = TypeVar("Result")
Work = TypeVar("Work", bound=AccountWork[SessionActor])

CODE_RULES = {"code": optional(canonical_code)}
CODE_NEEDED = "is required, because two-factor authentication is on"


def require_recent_proof(work: ProofWork) -> None:
    """Raise ConfirmationRequired unless the password (and code) was confirmed in the actor's session recently."""
    session = work.sessions.find_unlocked(work.actor.session_id)
    if session is None or not session.is_proved(work.now):
        raise ConfirmationRequired


class PasswordConfirmation(Generic[Work]):
    """Verifies the actor's own password and, if two-factor authentication is on, a code.

    Attempts are throttled by account. A wrong password or code is recorded as a failure of the operation that requires
    it.
    """

    def __init__(
        self,
        *,
        store: Store[SessionActor, Work],
        recorder: Recorder,
        passwords: PasswordHasher,
        throttle: Throttle,
        verifier: CodeVerifier,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._passwords = passwords
        self._throttle = throttle
        self._verifier = verifier

    def confirm(
        self, actor: SessionActor, password: str, code: str | None = None, origin: Origin = UNKNOWN_ORIGIN
    ) -> None:
        """Confirm the password for the actor's session, for `PROOF_LIFETIME`. Raises InvalidInput, TooManyRequests."""

        def mark(work: Work, user: User) -> None:
            session = work.sessions.find(actor.session_id)
            if session is None:
                raise SessionEnded
            work.sessions.save(replace(session, proved_at=work.now))
            self._recorder.success(work, Kind.CONFIRM, origin, user.id, actor.session_id)

        try:
            self.write(actor, password, "password", Kind.CONFIRM, origin, mark, code, accepts_recent=False)
        except ConfirmationRequired:
            raise InvalidInput.of("code", CODE_NEEDED) from None

    def write(
        self,
        actor: SessionActor,
        password: str | None,
        field: str,
        kind: Kind,
        origin: Origin,
        change: Callable[[Work, User], Result],
        code: str | None = None,
        *,
        is_sensitive: Callable[[User], bool] = lambda _: True,
        accepts_recent: bool = True,
    ) -> Result:
        """Make a change to the actor's locked account, after a proof if it is sensitive.

        The proof is the password, with a code if two-factor authentication is on. With `accepts_recent`, a recent proof
        in the session is enough. No unit of work is open while the password is verified. Raises InvalidInput with the
        field if the password or the code is wrong, ConfirmationRequired without a proof, TooManyRequests.
        """
        code = check(CODE_RULES, {"code": code})["code"]
        verified = None if password is None else self._verify(actor, password, field, kind, origin)
        attempts = [Bucket.of(CODE_BY_ACCOUNT, str(actor.user_id))] if code else []
        self._throttle.consume(*attempts)
        is_proved = False
        try:
            with self._store.writing(actor) as work:
                user = find_self(work)
                # The hash was verified before this unit of work began. It must still be the stored one.
                wrong = field if verified is not None and user.password_hash != verified else None
                if wrong is None and is_sensitive(user):
                    factor = work.second_factors.find(user.id)
                    needs_code = factor is not None and factor.is_required
                    if factor and needs_code and code and not self._verifier.spend(work, factor, code, origin):
                        wrong = "code"
                    elif needs_code and not code and not accepts_recent:
                        raise ConfirmationRequired
                    elif verified is None or (needs_code and not code):
                        require_recent_proof(work)
                if wrong is None:
                    is_proved = True
                    return change(work, user)
        finally:
            if is_proved:
                self._throttle.refund(*attempts)
        self._recorder.failure(kind, origin, actor.user_id, actor.session_id)
        raise InvalidInput.of(wrong, "is wrong")

    def _verify(self, actor: SessionActor, password: str, field: str, kind: Kind, origin: Origin) -> str:
        """Return the stored hash that the password matches. Raises InvalidInput, TooManyRequests."""
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


def find_self(work: AccountWork[SessionActor]) -> User:
    """Return the actor's own account. A unit of work that writes locks it. Raises SessionEnded."""
    user = work.users.find(work.actor.user_id)
    # Opening the unit of work checked that the user exists. So None means that the user was removed later.
    if user is None:
        raise SessionEnded
    return user
