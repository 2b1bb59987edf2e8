"""Having an account."""

from __future__ import annotations

from typing import Any

from tasktracker.domain.accounts.password import MIN_PASSWORD_LENGTH, new_password
from tasktracker.domain.accounts.password_confirmation import PasswordConfirmation, myself
from tasktracker.domain.accounts.ports import PasswordHasher, PasswordStrength
from tasktracker.domain.accounts.session_service import SessionService, SignedIn
from tasktracker.domain.accounts.user import USER_RULES, User, UserFields
from tasktracker.domain.activity.event import UNKNOWN_ORIGIN, Kind, Origin
from tasktracker.domain.activity.recorder import Recorder
from tasktracker.domain.kernel.actors import SessionActor
from tasktracker.domain.kernel.clock import Clock, IdGenerator
from tasktracker.domain.kernel.errors import FieldError, InvalidInput, UserNotFound
from tasktracker.domain.kernel.fields import Refused, Rule, check
from tasktracker.domain.sharing.service import SharingService
from tasktracker.domain.throttling.limit import REGISTRATION_BY_ADDRESS, Bucket, network
from tasktracker.domain.throttling.throttle import Throttle
from tasktracker.domain.work import Store, UnitOfWork


class AccountService:
    """Accounts, from registration to removal, as their owners and the administrators of the service see them."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: SessionService,
        password_confirmation: PasswordConfirmation,
        sharing: SharingService,
        recorder: Recorder,
        throttle: Throttle,
        passwords: PasswordHasher,
        strength: PasswordStrength,
        clock: Clock,
        ids: IdGenerator,
        shortest_password: int = MIN_PASSWORD_LENGTH,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._own_password = password_confirmation
        self._sharing = sharing
        self._recorder = recorder
        self._throttle = throttle
        self._passwords = passwords
        self._strength = strength
        self._clock = clock
        self._ids = ids
        self._choose = new_password(shortest_password)

    def register(
        self, fields: UserFields, password: str, repeated: str | None = None, origin: Origin = UNKNOWN_ORIGIN
    ) -> SignedIn:
        """Create an account and log it in. `repeated`, where given, must be the password once more.

        Raises InvalidInput, UsernameTaken, EmailTaken, TooManyRequests.
        """
        self._throttle.spend(Bucket.of(REGISTRATION_BY_ADDRESS, network(origin.address)))
        user = self._new_user(fields, password, repeated)
        with self._store.writing(None) as work:
            work.users.add(user)
            session = self._sessions.open(work, user, device=None)
            self._recorder.success(work, Kind.REGISTER, origin, user.id, session.id)
        return SignedIn(user, self._sessions.tokens_of(session))

    def create_admin(self, fields: UserFields, password: str) -> User:
        """Create an account that may administer the service. Raises like `register`."""
        user = self._new_user(fields, password, is_admin=True)
        with self._store.writing(None) as work:
            work.users.add(user)
            self._recorder.success(work, Kind.REGISTER, UNKNOWN_ORIGIN, user.id)
        return user

    def set_active(self, login: str, is_active: bool) -> User:
        """Let a user act, or end all their sessions and let them act no more. Raises UserNotFound."""
        with self._store.writing(None) as work:
            found = work.users.find_by_login(login)
            user = work.users.find(found.id) if found else None
            if user is None:
                raise UserNotFound
            changed = user.activated(is_active)
            if changed is not user:
                work.users.save(changed)
            if not is_active:
                work.sessions.remove_others(user.id, keep=None)
            self._recorder.success(work, Kind.ENABLE if is_active else Kind.DISABLE, UNKNOWN_ORIGIN, user.id)
            return changed

    def profile(self, actor: SessionActor) -> User:
        """Return the actor's own account."""
        with self._store.reading(actor) as work:
            return myself(work, actor)

    def edit(
        self, actor: SessionActor, fields: UserFields, password: str | None = None, origin: Origin = UNKNOWN_ORIGIN
    ) -> User:
        """Change the actor's profile. A new username or e-mail address needs the password, as one logs in with them.

        Raises InvalidInput, UsernameTaken, EmailTaken, TooManyRequests.
        """
        fields = check(USER_RULES, fields)
        verified = None
        if password is not None:
            verified = self._own_password.verify(actor, password, "password", Kind.RENAME, origin)
        with self._store.writing(actor) as work:
            user = myself(work, actor)
            edited = user.edit(fields)
            if (edited.username, edited.email) != (user.username, user.email):
                if user.password_hash != verified:
                    raise InvalidInput.of("password", "is required to change the username or the e-mail address")
                self._recorder.success(work, Kind.RENAME, origin, user.id, actor.session_id)
            if edited is not user:
                work.users.save(edited)
            return edited

    def change_password(self, actor: SessionActor, current: str, new: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Choose another password, and end every other session. Raises InvalidInput, TooManyRequests."""
        profile = self.profile(actor)
        strong = self._strong(profile.username, profile.email)
        chosen = check({"new_password": strong}, {"new_password": new})["new_password"]

        def change(work: UnitOfWork, user: User) -> None:
            work.users.save(user.with_password(changed))
            work.sessions.remove_others(user.id, keep=actor.session_id)
            self._recorder.success(work, Kind.PASSWORD_CHANGE, origin, user.id, actor.session_id)

        changed = self._passwords.hash(chosen)
        self._own_password.write(actor, current, "current_password", Kind.PASSWORD_CHANGE, origin, change)

    def delete(self, actor: SessionActor, password: str, origin: Origin = UNKNOWN_ORIGIN) -> None:
        """Remove the actor's account and everything in it.

        Raises InvalidInput when the password is wrong, TooManyRequests.
        """

        def delete(work: UnitOfWork, user: User) -> None:
            self._sharing.leave_all_in(work, actor)
            self._sharing.revoke_all_in(work, actor)
            work.users.remove(user.id)
            work.feed.drop(user.id)
            self._recorder.success(work, Kind.DELETE, origin, None)

        self._own_password.write(actor, password, "password", Kind.DELETE, origin, delete)

    def _new_user(
        self, fields: UserFields, password: str, repeated: str | None = None, *, is_admin: bool = False
    ) -> User:
        mismatch = [FieldError("password2", "must be the same as password")] if repeated not in (None, password) else []
        rules = USER_RULES | {"password": self._strong(fields.get("username"), fields.get("email"))}
        values: dict[str, Any] = {**fields, "password": password}
        checked = check(rules, values, required=("username",), also=mismatch)
        password_hash = self._passwords.hash(checked.pop("password"))
        return User(
            id=self._ids.new(),
            is_admin=is_admin,
            password_hash=password_hash,
            created_at=self._clock.now(),
            **checked,
        )

    def _strong(self, *guesses: str | None) -> Rule:
        def rule(value: str) -> str:
            chosen: str = self._choose(value)
            weakness = self._strength.weakness(chosen, [guess for guess in guesses if guess])
            if weakness:
                raise Refused(f"is too easy to guess: {weakness}")
            return chosen

        return rule
