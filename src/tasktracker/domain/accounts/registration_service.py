"""Creating accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasktracker.domain.accounts.email_service import ask_to_verify
from tasktracker.domain.accounts.invite_service import require_invite, use_invite
from tasktracker.domain.accounts.password import PasswordPolicy, normalized
from tasktracker.domain.accounts.ports import PasswordHasher
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.accounts.registration_ports import RegistrationWork
from tasktracker.domain.accounts.session_service import LoggedIn, SessionService
from tasktracker.domain.accounts.user import USER, User, UserFields
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.deliveries.outbox import Outbox
from tasktracker.domain.kernel.actors import SystemActor
from tasktracker.domain.kernel.characters import Characters
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import FieldError, RegistrationClosed
from tasktracker.domain.kernel.fields import check
from tasktracker.domain.kernel.store import Store
from tasktracker.domain.throttling.limit import REGISTRATION_LIMITS, buckets
from tasktracker.domain.throttling.throttle import Throttle


class RegistrationService:
    """Processes that create accounts. The password is hashed while no work is open."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, RegistrationWork],
        mode: RegistrationMode,
        sessions: SessionService,
        recorder: Recorder,
        outbox: Outbox,
        throttle: Throttle,
        passwords: PasswordHasher,
        policy: PasswordPolicy,
        clock: Clock,
        ids: IdGenerator,
        characters: Characters,
    ) -> None:
        self._store = store
        self._mode = mode
        self._sessions = sessions
        self._recorder = recorder
        self._outbox = outbox
        self._throttle = throttle
        self._passwords = passwords
        self._policy = policy
        self._clock = clock
        self._ids = ids
        self._rules = USER.new_rules(characters)

    def register(
        self,
        fields: UserFields,
        password: str,
        repeated: str | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
        invite: str | None = None,
    ) -> LoggedIn:
        """Create an account and log the user in. `repeated`, if given, must equal the password.

        An invitation is used up only if registration requires one. With mail, the address is pending until it is
        verified, whether another account has it or not.
        Raises InvalidInput, RegistrationClosed, UsernameTaken, EmailTaken, TooManyRequests.
        """
        self._throttle.consume(*buckets(REGISTRATION_LIMITS, origin.address))
        actor = SystemActor("register")
        with self._store.reading(actor) as work:
            # Before the costly hash; the work that writes decides.
            if self._requires_invite(work):
                require_invite(work, invite)
        user = self.new_user(fields, password, repeated)
        if self._outbox.is_on:
            user = replace(user, email=None, pending_email=user.email)
        with self._store.writing(actor) as work:
            if self._requires_invite(work):
                use_invite(work, invite)
            work.users.add(user)
            ask_to_verify(self._outbox, work, user, self._ids)
            session = self._sessions.open(work, user, device=None, origin=origin)
            self._recorder.success(work, Kind.REGISTER, origin, user.id, session.id)
        self._sessions.trust(user.username, origin)
        return LoggedIn(user, self._sessions.tokens_of(session))

    def create_admin(self, fields: UserFields, password: str) -> User:
        """Create an account that may administer the service. Raises like `register`."""
        user = self.new_user(fields, password, is_admin=True)
        with self._store.writing(SystemActor("create an administrator")) as work:
            work.users.add(user)
            self._recorder.success(work, Kind.REGISTER, UNKNOWN_ORIGIN, user.id)
        return user

    def _requires_invite(self, work: RegistrationWork) -> bool:
        mode = self._mode.current(work)
        if mode is Registration.CLOSED:
            raise RegistrationClosed
        return mode is Registration.INVITE

    def new_user(
        self, fields: UserFields, password: str, repeated: str | None = None, *, is_admin: bool = False
    ) -> User:
        """Return a new user that is not stored. Hashes the password. Raises InvalidInput."""
        differs = repeated is not None and normalized(repeated) != normalized(password)
        mismatch = [FieldError("password2", "must be the same as password")] if differs else []
        rules = self._rules | {"password": self._policy.rule(fields.get("username"), fields.get("email"))}
        values: dict[str, Any] = {**fields, "password": password}
        checked = check(rules, values, required=USER.required, also=mismatch)
        password_hash = self._passwords.hash(checked.pop("password"))
        return User(
            id=self._ids.new(),
            is_admin=is_admin,
            password_hash=password_hash,
            created_at=self._clock.now(),
            **checked,
        )
