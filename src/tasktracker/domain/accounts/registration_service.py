"""Creating accounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tasktracker.domain.accounts.addresses import VerifiedAddresses, ask_to_verify
from tasktracker.domain.accounts.invite_service import require_invite, use_invite
from tasktracker.domain.accounts.password import PasswordPolicy, normalized
from tasktracker.domain.accounts.ports import PasswordHasher
from tasktracker.domain.accounts.registration import Registration, RegistrationMode
from tasktracker.domain.accounts.registration_ports import RegistrationWork
from tasktracker.domain.accounts.session_service import LoggedIn, SessionService
from tasktracker.domain.accounts.user import USER, User, UserFields, email_key
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

AddressProof = Callable[[Any], str]
"""Uses up a mailed link, and returns the address that it proves. Raises InvalidInput for `token`."""

_ACTOR = SystemActor("register")


class RegistrationService:
    """Processes that create accounts. No unit of work is open while a password is hashed."""

    def __init__(
        self,
        *,
        store: Store[SystemActor, RegistrationWork],
        mode: RegistrationMode,
        sessions: SessionService,
        addresses: VerifiedAddresses,
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
        self._addresses = addresses
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

        An invitation is used once, also if registration requires none. If mail is configured, an address that it does
        not prove is pending until it is verified, also if another account has it. Raises InvalidInput,
        RegistrationClosed, UsernameTaken, EmailTaken, TooManyRequests.
        """
        user = self._prepare(fields, password, repeated, origin, invite)
        with self._store.writing(_ACTOR) as work:
            user = self._add(work, user, origin, self._use_invite(work, invite))
            session = self._sessions.open(work, user, device=None, origin=origin)
            self._recorder.success(work, Kind.REGISTER, origin, user.id, session.id)
        self._sessions.trust(user.username, origin)
        return LoggedIn(user, self._sessions.tokens_of(session))

    def register_by_link(
        self,
        fields: UserFields,
        password: str,
        origin: Origin = UNKNOWN_ORIGIN,
        invite: str | None = None,
        proof: AddressProof | None = None,
    ) -> User:
        """Create an account with an invitation, a link that proves an address, or both. No session is opened.

        Raises like `register`, and as `proof` does.
        """
        user = self._prepare(fields, password, None, origin, invite)
        with self._store.writing(_ACTOR) as work:
            proved = self._use_invite(work, invite)
            user = self._add(work, user, origin, proof(work) if proof is not None else proved)
            self._recorder.success(work, Kind.REGISTER, origin, user.id)
        return user

    def create_admin(self, fields: UserFields, password: str) -> User:
        """Create an account that may administer the service. Raises like `register`."""
        user = self.new_user(fields, password, is_admin=True)
        with self._store.writing(SystemActor("create an administrator")) as work:
            work.users.add(user)
            self._recorder.by_admin(work, Kind.REGISTER, UNKNOWN_ORIGIN, user_id=user.id, detail=user.username)
        return user

    def _prepare(
        self, fields: UserFields, password: str, repeated: str | None, origin: Origin, invite: str | None
    ) -> User:
        """Return a new user that is not stored. Everything that does not need the slow hash is checked before it."""
        self._throttle.consume(*buckets(REGISTRATION_LIMITS, origin.address))
        with self._store.reading(_ACTOR) as work:  # the unit of work that writes decides
            if self._takes_invite(work, invite):
                require_invite(work, invite)
        user = self.new_user(fields, password, repeated)
        return replace(user, email=None, pending_email=user.email) if self._outbox.is_on else user

    def _use_invite(self, work: RegistrationWork, token: str | None) -> str | None:
        """Use an invitation, if one was sent or is required. Return the proved address."""
        return use_invite(work, token).proved_address if self._takes_invite(work, token) else None

    def _add(self, work: RegistrationWork, user: User, origin: Origin, proved: str | None) -> User:
        """Store a user, and verify the address or ask to verify it."""
        work.users.add(user)
        address = _proved_address(work, user, proved)
        if address is not None:
            return self._addresses.assign(work, user, address, origin)
        ask_to_verify(self._outbox, work, user, self._ids)
        return user

    def _takes_invite(self, work: RegistrationWork, token: str | None) -> bool:
        mode = self._mode.current(work)
        if mode is Registration.CLOSED:
            raise RegistrationClosed
        return bool(token) or mode is Registration.INVITE

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


def _proved_address(work: RegistrationWork, user: User, proved: str | None) -> str | None:
    """Return the address that a user entered, if it is the proved one and no other account has verified it."""
    address = user.pending_email
    if address is None or proved is None or email_key(address) != email_key(proved):
        return None
    holder = work.users.find_by_login(address)
    return address if holder is None or holder.verified_email is None else None
